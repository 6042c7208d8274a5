"""Where what can be made again is kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where encoded images, tokenized references and indices of shards go by default.

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
