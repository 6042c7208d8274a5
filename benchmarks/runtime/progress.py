"""Progress of long work, on a terminal; nothing where the output goes to a file or a pipe."""

import os
import sys
from threading import RLock
from typing import TextIO

from tqdm import tqdm

tqdm.set_lock(RLock())  # its own is shared between processes, and is left behind when one is killed


_terminal: TextIO | None = None  # of a process whose own stderr is a file


def stream_to(descriptor: int) -> None:
    """Have progress and notes go to an open file, a terminal perhaps, and not to stdout and stderr."""
    global _terminal
    _terminal = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def bar(total: int | None, what: str, unit: str) -> tqdm:
    """A bar on stderr that goes when it is done; a mere count where the total is not known."""
    return tqdm(
        file=_terminal or sys.stderr, total=total, desc=what, unit=unit, disable=None, leave=False, dynamic_ncols=True
    )


def write(line: str, file: TextIO | None = None) -> None:
    """Print a line, on stdout or elsewhere, above any bar."""
    tqdm.write(line, file=_terminal or file)
