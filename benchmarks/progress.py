"""Progress of long work, on a terminal; nothing where the output goes to a file or a pipe."""

from threading import RLock

from tqdm import tqdm

tqdm.set_lock(RLock())  # its own is shared between processes, and is left behind when one is killed


def bar(total: int, what: str, unit: str) -> tqdm:
    """A bar on stderr that goes when it is done."""
    return tqdm(total=total, desc=what, unit=unit, disable=None, leave=False, dynamic_ncols=True)
