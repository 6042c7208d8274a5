"""The processes of one machine: each cell has its own, so what a part does to one is over with the cell."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.executors import jobs
from benchmarks.executors.base import Executor
from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.planning import plugins_for
from benchmarks.executors.together import call_together
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.resources import Resources

if TYPE_CHECKING:
    from benchmarks.plan.matrix import Plan

_SHARED = ("backbone", "dataset", "metric")  # what features and tokens are made with
_ALL = (*_SHARED, "attention", "decoder", "objective")


class Local(Executor):
    """Runs cells of `plan` one after another, in processes that `server` forks, each with the plug-ins that it uses.

    By `resources` a cell has several of them, of which the first one has the cell's record.

    What cells share, the features of a backbone above all, is made in a process of its own, which
    has no other part of a cell in it.
    """

    def __init__(
        self, server: ForkServer, plan: "Plan", out: Path, cache: Path, resources: Resources | None = None
    ) -> None:
        self._server, self._plan, self._out, self._cache = server, plan, out, cache
        self._resources = resources or Resources()
        self._prepared: dict[tuple[object, ...], str | None] = {}  # with the reason where that failed
        self._timings: jobs.Timings = {}

    def each(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, RunRecord | str]]:
        """Run the cells; where a process died, or what cells share cannot be made, the reason stands for the record."""
        for cell in cells:
            yield cell, self._prepare(cell) or self._run(cell)

    def close(self, *, failed: bool) -> None:
        """Nothing is left: a process ends with its cell, or with who waits for it."""

    def _run(self, cell: Cell) -> RunRecord | str:
        # A timing that a plug-in was near is for its own cell.
        trusted = not cell.sources.keys() - {"backbone weights"}
        timings = self._timings if trusted else {}
        plugins = plugins_for(self._plan, cell, _ALL)
        shared = (cell, self._out, self._cache, plugins, self._resources)
        try:
            record, timings = call_together(
                self._server,
                self._resources.launch.environments(),
                (jobs.ran, *shared, timings),
                (jobs.assisted, *shared),
            )
        except Exception as error:
            return _reason(error)
        if trusted:
            self._timings = timings
        return record

    def assist(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str | None]]:
        """Train the cells with a command elsewhere that runs them, and yield each with what went wrong here."""
        for cell in cells:
            reason = self._prepare(cell)
            job = (jobs.assisted, cell, self._out, self._cache, plugins_for(self._plan, cell, _ALL), self._resources)
            try:
                call_together(self._server, self._resources.launch.environments(), job, job)
            except Exception as error:
                reason = reason or _reason(error)
            yield cell, reason

    def _prepare(self, cell: Cell) -> str | None:
        """Why what `cell` shares with others cannot be made; None where it is there."""
        shared = (cell.located_dataset, cell.metrics, cell.backbone, cell.training.hflip)
        for key in (shared, (*shared, cell.seed)):
            if key in self._prepared:
                return self._prepared[key]
        reason, seeded = None, False
        try:
            plugins = plugins_for(self._plan, cell, _SHARED)
            (seeded,) = self._server.call(jobs.prepared, cell, self._cache, plugins)
        except Exception as error:  # whatever a data set or a backbone raises
            reason = _reason(error)
        self._prepared[(*shared, cell.seed) if seeded else shared] = reason
        return reason


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ProcessDied) else f"{type(error).__name__}: {error}"
