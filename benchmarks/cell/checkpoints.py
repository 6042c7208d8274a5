"""The checkpoints of a cell: named after it, so that whoever runs it next goes on from them."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmarks.cell.workdir import checkpoint_folder
from benchmarks.plan.cell import Cell
from benchmarks.runtime.environment import environment
from benchmarks.training.checkpoints import Checkpoints, Preempted, Requests


@contextmanager
def cell_checkpoints(cell: Cell, out: Path) -> Iterator[Checkpoints]:
    """Where the states of the cell's training are, for who holds the lease on the cell.

    Inside, SIGTERM has the state saved and ends the cell by `Preempted`, SIGUSR1 has it saved.
    They stay until the cell is done. Versions other than those that made a state make it useless.
    """
    folder = checkpoint_folder(cell, out)
    folder.mkdir(parents=True, exist_ok=True)
    versions = environment(java=None)
    made_with = json.dumps({name: versions[name] for name in ("caption-zoo", "torch", "timm", "numpy", "commit")})
    checkpoints = Checkpoints(folder, made_with=made_with)
    with signals(checkpoints):
        yield checkpoints


@contextmanager
def signals(checkpoints: Requests) -> Iterator[None]:
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


@contextmanager
def dying_of_its_signal() -> Iterator[None]:
    """Have the process end by SIGTERM where that has preempted it, as whoever waits for it expects."""
    try:
        yield
    except Preempted:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
