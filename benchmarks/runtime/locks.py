"""One process at a time, where the file system has locks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.runtime.progress import write

_PATIENCE = 1  # seconds until whoever waits says so


@contextmanager
def locked(file: Path, waiting: str) -> Iterator[None]:
    """Hold the lock `file`, which all users of a shared folder may take; say what is waited for if that takes long.

    Locks only spare work that would be done twice: where none can be had the work goes on without, and says so once.
    """
    lock = FileLock(file, mode=0o666, fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            write(f"caption-zoo: waiting for another process {waiting}")
            lock.acquire()
    except OSError as error:
        _note(file.parent, error.strerror or str(error))
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()


@cache
def _note(folder: Path, why: str) -> None:
    write(f"caption-zoo: note: {folder} takes no locks ({why}): processes that share it may do the same work twice")
