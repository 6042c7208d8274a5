"""Weights & Biases, by its own client."""

import json
import os
from collections.abc import Mapping
from typing import Literal, TypeAlias
from uuid import uuid4

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from benchmarks.runtime.extras import extra
from zoo.atomic import write_atomically

Mode: TypeAlias = Literal["online", "offline"]

_PATIENCE = 30.0  # seconds in which the server should answer


@LOGGERS.register("wandb")
class Wandb(Logger):
    """A run of Weights & Biases; neither code nor what is printed goes there.

    Args:
        project: of the run.
        entity: user or team; by default the one that is logged in.
        mode: offline keeps it on disk, for ``wandb sync``; by default as WANDB_MODE says.
    """

    def __init__(
        self,
        *,
        project: str = "caption-zoo",
        entity: str | None = None,
        mode: Mode | None = None,
    ) -> None:
        self._wandb = extra("wandb")
        self._options = {"project": project, "entity": entity, "mode": mode}

    def open(self, run: LoggedRun, step: int) -> None:
        """Begin a run, or go on with it: what a server has is not sent again, and what it lacks is.

        The client loses what it holds back when it is killed, so a journal has the metrics too. Offline, each
        resumption begins another file, with all from the journal.
        """
        run.folder.mkdir(parents=True, exist_ok=True)
        journal, name = run.folder / "journal.jsonl", run.folder / "id"
        if not step:
            write_atomically(name, uuid4().hex)
            journal.unlink(missing_ok=True)
        lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
        earlier = [entry for entry in (json.loads(line) for line in lines if line.endswith("\n")) if entry[0] <= step]
        write_atomically(journal, "".join(f"{json.dumps(entry)}\n" for entry in earlier))
        os.environ.pop("WANDB_SERVICE", None)  # of who started the command: a run that was killed stays in use there
        self._run = self._wandb.init(
            **self._options, id=name.read_text(), resume="allow", name=run.name, group=run.experiment,
            dir=str(run.folder), config=dict(run.config),
            settings=self._wandb.Settings(
                silent=True, console="off", disable_git=True, disable_code=True, init_timeout=_PATIENCE
            ),
        )  # fmt: skip
        self._first = self._run.step  # that the server lacks
        self._known = set(self._run.summary.keys())  # names that it has
        self._journal = journal.open("a")
        for logged, metrics in earlier:
            if logged >= self._first:
                self._run.log(metrics, step=logged)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write them down, and send them.

        A server drops all of a step that it has: what is new there, the scores of a run whose training was over
        when it was cut off, goes to the first step that it lacks.
        """
        print(json.dumps([step, metrics]), file=self._journal, flush=True)
        late = step < self._first
        if new := {name: value for name, value in metrics.items() if not (late and name in self._known)}:
            self._run.log(new, step=max(step, self._first))

    def close(self) -> None:
        """Send what is left."""
        self._journal.close()
        self._run.finish()
