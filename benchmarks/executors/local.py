"""One process of its own for all cells, and a new one when a cell takes it down.

What is costly to start (libraries, data set, Java) is started once; what a cell breaks is
not ours.
"""

import signal
from collections.abc import Iterator, Sequence
from multiprocessing import get_context, resource_tracker
from pathlib import Path

from benchmarks.executors.base import Executor
from benchmarks.executors.worker import serve
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord


class Local(Executor):
    """A process that runs cells; it starts at once, since its imports take seconds and may have another core.

    Close it by `with`: it ends in peace after its last cell, and is killed if something was raised.
    """

    def __init__(self, out: Path, cache: Path, plugins: Sequence[str]) -> None:
        self._told, self._asked = (out, cache, tuple(plugins)), False
        self._start()

    def close(self, *, failed: bool) -> None:
        """Let the worker end after its last cell; kill it where the caller failed, or sent it no cell."""
        if failed or not self._asked:
            self._worker.kill()  # nobody waits for the cell, or for the imports
        self._pipe.close()  # nothing more to do
        self._worker.join()

    def each(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, RunRecord | str]]:
        """Run the cells one after another; where the process died, how it did stands for the record."""
        for cell in cells:
            if not self._worker.is_alive():
                self._start()
            self._asked = True
            try:
                self._pipe.send(cell)
                found = self._pipe.recv()
            except (EOFError, BrokenPipeError, ConnectionResetError):
                self._worker.join()
                found = _death(self._worker.exitcode)
            yield cell, found

    def _start(self) -> None:
        spawn = get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._worker = spawn.Process(target=serve, args=(theirs, *self._told), daemon=True)
        resource_tracker.ensure_running()  # it would unblock what is blocked here
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # it inherits that: we are interrupted, and end it
        try:
            self._worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()  # so that its death ends the pipe


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}: it was killed, or the memory was not enough"
    return f"its process ended by itself with exit code {code}"
