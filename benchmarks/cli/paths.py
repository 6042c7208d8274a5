"""Folders that commands read and write."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Where encoded images and tokenized references go by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caption-zoo"


def writable(folder: Path) -> None:
    """Make the folder.

    Raises:
        ValueError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write into {folder}: {error.strerror or error}; choose another with --out or --cache"
        ) from None
