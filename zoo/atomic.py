"""Files and folders that are there whole or not at all, whenever a process or the machine ends.

They are written under a partial name in the same folder, synced and renamed, and the folder is synced.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zoo.partial import partial_path, remove_abandoned

_NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP}  # of a folder, on file systems where it means nothing


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk.

    Raises:
        OSError: the disk did not take them; another try may succeed and still have lost them.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC or not path.is_dir():
            error.filename = str(path)
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """The same for all files and folders in `folder`, and itself."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            sync(path)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it where there are none, and wait until their names are on the disk.

    Raises:
        OSError: it cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        sync(path.parent)


def write_atomically(file: Path, content: str | bytes) -> None:
    """Write a whole file or none, as `atomic_file` does.

    Raises:
        OSError: the folder cannot be written to.
    """
    with atomic_file(file) as opened:
        opened.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def atomic_file(file: Path) -> Iterator[BinaryIO]:
    """To write into, under a partial name first: whoever reads, or writes the same, sees a whole file or none.

    Its mode is what the umask leaves of rw-rw-rw-.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; it names `file`.
    """
    partial = partial_path(file)
    with naming(file, partial):
        make_folder(file.parent)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(handle, "wb") as opened:
                yield opened
                opened.flush()
                os.fsync(opened.fileno())
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)  # also after a failed fsync: what a second one says of it is worth nothing
            raise
        sync(file.parent)


@contextmanager
def atomic_directory(folder: str | Path) -> Iterator[Path]:
    """A hidden folder beside `folder` to write into; when the block ends, one rename gives it that name.

    What is raised inside leaves nothing behind, and what a killed process left is removed.

    Raises:
        ValueError: something lies in `folder` already.
        OSError: it cannot be written.
    """
    target = Path(folder).resolve()
    taken = ValueError(f"{str(folder)!r} is there already: name another folder, or remove that one first")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise taken
    remove_abandoned(target.parent)
    with partial_folder(target) as partial:
        yield partial
        sync_tree(partial)
        if not publish(partial, target):
            raise taken


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """A new folder under a partial name of `folder`; gone at the end, unless it has another name by then.

    Raises:
        OSError: it cannot be made.
    """
    partial = partial_path(folder)
    with naming(folder, partial):
        make_folder(folder.parent)
        partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, folder: Path) -> bool:
    """Give `partial`, all of it synced, the name `folder`, and sync that; False where there is another of that name.

    Of several processes that do so at once, one succeeds.

    Raises:
        OSError: it cannot be renamed, or the disk did not take the name.
    """
    try:
        partial.rename(folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    sync(folder.parent)
    return True


@contextmanager
def naming(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Inside, an error of the system that names no file, or `partial`, names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or error.filename == str(partial)):
            error.filename = str(path)
        raise
