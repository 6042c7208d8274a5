"""Folders that commands read and write."""

import os
import tempfile
from pathlib import Path

from zoo.atomic import make_folder


def cache_folder() -> Path:
    """Where encoded images and tokenized references go by default.

    Raises:
        ValueError: the user has no home folder.
    """
    expand = os.path.expanduser  # pathlib's raises where there is no home
    home = expand("~")
    base = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home != "~" else "")
    if not base:
        raise ValueError("there is no home folder for the cache: set HOME, or XDG_CACHE_HOME, or name one with --cache")
    return Path(base) / "caption-zoo"


def optional_cache_folder() -> Path | None:
    """The same for what can do without: None for a user without a home folder."""
    try:
        return cache_folder()
    except ValueError:
        return None


def writable(folder: Path) -> None:
    """Make the folder.

    Raises:
        ValueError: nothing can be written there.
    """
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write into {folder}: {error.strerror or error}; choose another with --out or --cache"
        ) from None
