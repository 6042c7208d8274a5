"""The process that runs cells for an executor: it gets cells by a pipe, and answers with records."""

import gc
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from registry import load_plugin


def serve(connection: Connection, out: Path, cache: Path, plugins: Sequence[str]) -> None:
    """Run each cell that comes, one after another, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # imports leave hardly any garbage, and looking for it takes a fifth of their time
    for plugin in plugins:
        load_plugin(plugin)
    from benchmarks.cell.context import Context  # late: they import torch
    from benchmarks.cell.run import run_cell
    from benchmarks.runtime.environment import commit

    gc.enable()
    commit()
    with Context(cache) as context:
        while True:
            try:
                cell = connection.recv()
            except EOFError:
                break
            connection.send(run_cell(cell, out, context))
    gc.freeze()  # Python would look through all of torch once more when it ends


def _end_with_parent() -> None:
    """Nobody is left to take the result once the parent is killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
