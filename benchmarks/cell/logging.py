"""The threads in which a cell's loggers work: what fails or hangs there stops a logger, and never the cell."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from benchmarks.plan.cell import Cell
from benchmarks.runtime.progress import alive, note
from benchmarks.runtime.text import plain
from registry import Spec

FOLDER = "logs"  # beside the runs
_PATIENCE = 60.0  # seconds in which all loggers together should have done what they were given
_LEAVE = 20.0  # seconds in which they should end; who is preempted has half a minute
_TICK = 0.5  # seconds between two signs of life
_LONGEST = 80  # characters of a folder's name before the cell's ID


class Loggers:
    """A cell's loggers, a thread for each; they write below ``out/logs``, in folders named after them and the cell.

    Whoever waits gives signs of life, so a slow logger does not make the cell seem dead.
    """

    def __init__(self, specs: Sequence[Spec], cell: Cell, out: Path) -> None:
        parts = re.sub(r"[^\w.=]+", "-", str(cell))[:_LONGEST]
        folders = [out / FOLDER / spec.name / f"{parts}-{cell.id}" for spec in specs]
        runs = [LoggedRun(cell.id, str(cell), cell.experiment, cell.request, folder) for folder in folders]
        self._threads = [LoggerThread(spec, run) for spec, run in zip(specs, runs, strict=True)]

    def open(self, step: int) -> None:
        """Have them begin, or go on after `step`, and wait for that."""
        for thread in self._threads:
            thread.open(step)
        self.wait()

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Have them take metrics."""
        for thread in self._threads:
            thread.log(step, metrics)

    def wait(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Until all is done, or somebody is `stopping`; a logger that takes too long is left to itself."""
        self._wait(_PATIENCE, stopping)

    def close(self) -> None:
        """Have those end that have begun, and wait for that; a second time there is nothing to do."""
        for thread in self._threads:
            thread.close()
        self._wait(_LEAVE, lambda: False)
        for thread in self._threads:
            thread.end()

    def _wait(self, patience: float, stopping: Callable[[], bool]) -> None:
        until = time.monotonic() + patience
        for thread, done in [(thread, thread.mark()) for thread in self._threads]:
            while not (thread.stopped or stopping()):
                if done.wait(min(_TICK, max(0.0, until - time.monotonic()))):
                    break
                alive("logging")
                if time.monotonic() >= until:
                    thread.stop(f"it was not done after {patience:g} s")


class _Done(threading.Event):
    def __call__(self) -> None:
        self.set()


class LoggerThread:
    """A logger that does what it is given one after another, beside the training; once it fails, nothing more."""

    def __init__(self, spec: Spec, run: LoggedRun) -> None:
        self._spec, self._run, self.stopped = spec, run, False
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

    def close(self) -> None:
        """Have it end, where it has begun."""
        self._tasks.put(lambda: self._logger.close() if self._logger else None)

    def mark(self) -> threading.Event:
        """What is set once all that it was given before is done."""
        done = _Done()
        self._tasks.put(done)
        return done

    def stop(self, why: str) -> None:
        """Give it nothing more to do, for a reason that a note tells the user."""
        if not self.stopped:
            self.stopped = True
            reason = " ".join(why.split())[:300]
            text = f"the logger {self._spec} was given up, and may lack metrics of {self._run.id}: {reason}"
            note(plain(f"caption-zoo: note: {text}"))

    def end(self) -> None:
        """Have the thread end, when it has done what it does."""
        self.stopped = True
        self._tasks.put(None)

    def _work(self) -> None:
        for task in iter(self._tasks.get, None):
            try:
                if not self.stopped or isinstance(task, _Done):
                    task()
            except BaseException as error:  # a thread gets no signals: it is the logger's own, SystemExit too
                self.stop(f"{type(error).__name__}: {error}")
