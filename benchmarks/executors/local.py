"""One process of its own for all cells, and a new one when a cell takes it down.

What is costly to start (libraries, data set, Java) is started once; what a cell breaks is
not ours.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.config import Cell
from benchmarks.record import RunRecord
from registry import load_plugin


def each(
    cells: Sequence[Cell], out: Path, cache: Path, plugins: Sequence[str]
) -> Iterator[tuple[Cell, RunRecord | str]]:
    """Run the cells one after another; where the process died, how it did stands for the record."""
    waiting, spawn = list(cells), get_context("spawn")
    while waiting:
        ours, theirs = spawn.Pipe()
        worker = spawn.Process(target=_serve, args=(theirs, out, cache, tuple(plugins)), daemon=True)
        worker.start()
        theirs.close()  # so that its death ends the pipe
        try:
            while waiting:
                cell = waiting.pop(0)
                ours.send(cell)
                yield cell, ours.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            worker.join()
            yield cell, _death(worker.exitcode)
            continue
        except BaseException:
            worker.kill()  # interrupted: nobody waits for the cell
            raise
        ours.close()  # nothing more to do
        worker.join()


def _serve(connection: Connection, out: Path, cache: Path, plugins: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for plugin in plugins:
        load_plugin(plugin)
    from benchmarks.hardware import commit  # late: they import torch
    from benchmarks.run import run_cell

    commit()
    while True:
        try:
            cell = connection.recv()
        except EOFError:
            return
        connection.send(run_cell(cell, out, cache))


def _end_with_parent() -> None:
    """Nobody is left to take the result once the parent is killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}: it was killed, or the memory was not enough"
    return f"its process ended by itself with exit code {code}"
