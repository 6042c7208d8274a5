"""Progress of long work, on a terminal; nothing where the output goes to a file or a pipe."""

from threading import RLock
from typing import TextIO

from tqdm import tqdm

tqdm.set_lock(RLock())  # its own is shared between processes, and is left behind when one is killed


def bar(total: int | None, what: str, unit: str) -> tqdm:
    """A bar on stderr that goes when it is done; a mere count where the total is not known."""
    return tqdm(total=total, desc=what, unit=unit, disable=None, leave=False, dynamic_ncols=True)


def write(line: str, file: TextIO | None = None) -> None:
    """Print a line, on stdout or elsewhere, above any bar."""
    tqdm.write(line, file=file)
