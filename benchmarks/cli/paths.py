"""Folders that commands read and write."""

import tempfile
from pathlib import Path

from benchmarks.runtime.cache_folder import cache_folder, optional_cache_folder
from benchmarks.runtime.storage import StorageError, storage_fault
from zoo.atomic import make_folder

__all__ = ["cache_folder", "optional_cache_folder", "writable"]


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
