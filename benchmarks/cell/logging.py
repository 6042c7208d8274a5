"""The threads in which a cell's loggers work: what fails or hangs there stops a logger, and never the cell."""

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from benchmarks.plan.cell import Cell
from benchmarks.runtime.progress import note
from benchmarks.runtime.text import plain
from registry import Spec

FOLDER = "logs"  # beside the runs
_PATIENCE = 60.0  # seconds in which a logger should have done all that it was given
_LEAVE = 20.0  # seconds in which it should end; who is preempted has half a minute
_LONGEST = 80  # characters of a folder's name before the cell's ID


def open_loggers(specs: Sequence[Spec], cell: Cell, out: Path) -> "list[LoggerThread]":
    """A thread for each logger; they write below ``out/logs``, each into a folder named after itself and the cell."""
    parts = re.sub(r"[^\w.=]+", "-", str(cell))[:_LONGEST]
    folders = [out / FOLDER / spec.name / f"{parts}-{cell.id}" for spec in specs]
    runs = [LoggedRun(cell.id, str(cell), cell.experiment, cell.request, folder) for folder in folders]
    return [LoggerThread(spec, run) for spec, run in zip(specs, runs, strict=True)]


class _Done(threading.Event):
    def __call__(self) -> None:
        self.set()


class LoggerThread:
    """A logger that does what it is given one after another, beside the training; once it fails, nothing more."""

    def __init__(self, spec: Spec, run: LoggedRun, patience: float = _PATIENCE) -> None:
        self._spec, self._run, self._patience, self._stopped = spec, run, patience, False
        self._logger: Logger | None = None
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"logger {spec.name}", daemon=True)
        self._thread.start()

    def open(self, step: int) -> None:
        """Have it begin, or go on after `step`."""

        def task() -> None:
            made: Logger = LOGGERS.build(self._spec)
            made.open(self._run, step)
            self._logger = made

        self._tasks.put(task)

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Have it take metrics."""
        self._tasks.put(lambda: self._logger.log(step, metrics) if self._logger else None)

    def wait(self) -> None:
        """Until all is done; a logger that takes too long is left to itself."""
        self._wait(self._patience)

    def _wait(self, patience: float) -> None:
        done = _Done()
        self._tasks.put(done)
        if not self._stopped and not done.wait(patience):
            self._stop(f"it has done nothing for {patience:g} s")

    def close(self) -> None:
        """Have it end, where it has begun, and wait for that; a second time there is nothing to do."""
        self._tasks.put(lambda: self._logger.close() if self._logger else None)
        self._wait(min(_LEAVE, self._patience))
        self._stopped = True
        self._tasks.put(None)

    def _work(self) -> None:
        for task in iter(self._tasks.get, None):
            try:
                if not self._stopped or isinstance(task, _Done):
                    task()
            except BaseException as error:  # a thread gets no signals: it is the logger's own, SystemExit too
                self._stop(f"{type(error).__name__}: {error}")

    def _stop(self, why: str) -> None:
        if not self._stopped:
            self._stopped = True
            reason = " ".join(why.split())[:300]
            note(plain(f"caption-zoo: note: {self._run.id} goes on without the logger {self._spec}: {reason}"))
