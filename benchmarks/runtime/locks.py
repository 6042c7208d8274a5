"""One process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.runtime.progress import write

_PATIENCE = 1  # seconds until whoever waits says so


@contextmanager
def locked(file: Path, waiting: str) -> Iterator[None]:
    """Hold the lock `file`, which all users of a shared folder may take; say what is waited for if that takes long."""
    lock = FileLock(file, mode=0o666)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        write(f"caption-zoo: waiting for another process {waiting}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
