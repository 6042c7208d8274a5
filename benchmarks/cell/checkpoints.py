"""The checkpoints of a cell: named after it, so that whoever runs it next goes on from them."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from benchmarks.plan.cell import Cell
from benchmarks.training.checkpoints import Checkpoints, Preempted

_FOLDER = ".checkpoints"


@contextmanager
def cell_checkpoints(cell: Cell, out: Path) -> Iterator[Checkpoints | None]:
    """Where the states of the cell's training are, for one runner at a time; None for another that has the same cell.

    Inside, SIGTERM has the state saved and ends the cell by `Preempted`, SIGUSR1 has it saved.
    Without a `Preempted` they are gone at the end: the cell has its record.
    """
    folder = out / _FOLDER / cell.id
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder.with_suffix(".lock"), timeout=0, fallback_to_soft=False)
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):
        yield None
        return
    with lock, _signals(checkpoints := Checkpoints(folder)):
        yield checkpoints


def remove_checkpoints(cell: Cell, out: Path) -> None:
    """Of a cell that has its record."""
    folder = out / _FOLDER / cell.id
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def _signals(checkpoints: Checkpoints) -> Iterator[None]:
    """Have signals ask for checkpoints; only a main thread gets any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        checkpoints.request(stop=number == signal.SIGTERM)
        if number == signal.SIGTERM and not checkpoints.training:
            raise Preempted

    earlier = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
