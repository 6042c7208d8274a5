"""One process of its own for all cells, and a new one when a cell takes it down.

What is costly to start (libraries, data set, Java) is started once; what a cell breaks is
not ours.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path

from benchmarks.config import Cell
from benchmarks.record import RunRecord
from registry import load_plugin


def each(
    cells: Sequence[Cell], out: Path, cache: Path, plugins: Sequence[str]
) -> Iterator[tuple[Cell, RunRecord | None]]:
    """Run the cells one after another; the record is None where the process died."""
    waiting = list(cells)
    while waiting:
        with ProcessPoolExecutor(1, get_context("spawn"), _begin, (tuple(plugins),)) as pool:
            while waiting:
                cell = waiting.pop(0)
                try:
                    yield cell, pool.submit(_work, cell, out, cache).result()
                except BrokenProcessPool:
                    yield cell, None
                    break


def _begin(plugins: Sequence[str]) -> None:
    for plugin in plugins:
        load_plugin(plugin)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Nobody is left to take the result once the parent is killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(cell: Cell, out: Path, cache: Path) -> RunRecord:
    from benchmarks.run import run_cell  # late: it imports torch

    return run_cell(cell, out, cache)
