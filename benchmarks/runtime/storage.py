"""Faults of storage, told from other errors: full, over quota, read-only, failing or gone."""

import ctypes
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zoo.atomic import make_folder

_AGAIN = "then run the same command again to resume"
_FAULTS = {
    errno.ENOSPC: f"the disk is full: free some space, {_AGAIN}",
    errno.EDQUOT: f"the disk quota is used up: free some space or have it raised, {_AGAIN}",
    errno.EROFS: f"the file system is read-only: have it mounted writable, {_AGAIN}",
    errno.EIO: f"the disk fails (input/output error): look into the system's log, {_AGAIN}",
}
_GONE = f"the folder is gone: mount it or make it again, {_AGAIN}"
_UNMOUNTED = {errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN}
_NO_ALLOCATION = {errno.EOPNOTSUPP, errno.ENOSYS}
_TRIED = 2**28  # bytes; in memory it takes .1 s


class StorageError(OSError):
    """Storage cannot take what has to be written; the message is one line with the path and the remedy."""


def storage_fault(error: BaseException, *needed: Path) -> str | None:
    """One line with the path and the remedy where a fault of storage is behind `error`; None where none is.

    `needed` are the folders that the work writes to: one that has vanished is a fault, as a
    missing file by itself is not. They also stand for the path where an error names none.
    """
    for each in _chain(error):
        if isinstance(each, StorageError):
            return str(each)
        if not isinstance(each, OSError) or each.errno is None:
            continue
        place = os.fsdecode(each.filename) if isinstance(each.filename, str | bytes) else _least_room(needed)
        if each.errno in _FAULTS:
            return f"{place}: {_FAULTS[each.errno]}"
        if each.errno in _UNMOUNTED:
            return f"{place}: {_GONE}"
        if isinstance(each, FileNotFoundError | NotADirectoryError):
            for folder in needed:
                if not _is_there(folder):
                    return f"{folder}: {_GONE}"
    return None


def require_space(folder: Path, needed: int) -> None:
    """Make sure that so many bytes can be written into `folder` now.

    A part of them is taken and given back: what is free says nothing about quotas and rights.

    Raises:
        StorageError: they cannot.
    """
    try:
        if needed > _free(os.statvfs(folder)):
            raise OSError(errno.ENOSPC, "")
        with tempfile.TemporaryFile(dir=folder) as file:
            allocate(file.fileno(), min(max(1, needed), _TRIED))
    except OSError as error:
        error.filename = str(folder)  # and not the name of the temporary file
        room = f" ({needed / 2**20:,.0f} MiB are needed)" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        fault = storage_fault(error, folder) or f"{folder}: cannot be written to: {error.strerror or error}"
        raise StorageError(f"{fault}{room}") from error


def writable(folder: Path) -> None:
    """Make the folder.

    Raises:
        ValueError: nothing can be written there.
        StorageError: that is a fault of the disk.
    """
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        error.filename = str(folder)  # and not the name of a temporary file
        if fault := storage_fault(error):
            raise StorageError(fault) from None
        raise ValueError(
            f"cannot write into {folder}: {error.strerror or error}; choose another with --out or --cache"
        ) from None


def allocate(descriptor: int, size: int) -> None:
    """Take the room for the first `size` bytes of an open file; where the file system cannot, look whether it is free.

    `os.posix_fallocate` would do for most. But where the file system cannot (NFS before 4.2), the C
    library writes a byte into each page instead, which takes seconds a GB.

    Raises:
        OSError: there is no room.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    code = errno.ENOSYS  # macOS has no fallocate
    if hasattr(libc, "fallocate"):
        arguments = (ctypes.c_int(descriptor), ctypes.c_int(0), ctypes.c_int64(0), ctypes.c_int64(size))
        while (code := ctypes.get_errno() if libc.fallocate(*arguments) else 0) == errno.EINTR:
            continue
    if code in _NO_ALLOCATION:
        code = 0 if size <= _free(os.fstatvfs(descriptor)) else errno.ENOSPC
    if code:
        raise OSError(code, os.strerror(code))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was raised from or after."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _least_room(folders: tuple[Path, ...]) -> str:
    free = {}
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            free[folder] = _room(folder)
    return str(min(free, key=lambda folder: free[folder], default="storage"))


def _is_there(folder: Path) -> bool:
    with suppress(OSError):  # its disk does not answer
        return folder.is_dir()
    return False


def _room(folder: Path) -> int:
    """Free bytes; none where the folder is there and its disk does not answer.

    Raises:
        FileNotFoundError, NotADirectoryError: it is not there.
    """
    try:
        return _free(os.statvfs(folder))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError:
        return 0


def _free(state: os.statvfs_result) -> int:
    return state.f_frsize * (state.f_bavail if os.geteuid() else state.f_bfree)  # the rest is root's
