"""Partial names: of files and folders that a process has in work, and which process that is.

So what a killed process left is known from what a living one has in work, without locks.
"""

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from zoo.owner import Owner

_OURS = re.compile(
    r"\..*\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,9})-(?P<start>\d{1,20})-[0-9a-f]{8}\.partial", re.DOTALL
)
_STEM = 80  # bytes of a name that its partial one begins with; a name may have 255, in an encrypted folder 143
_OLD = 7 * 24 * 3600.0  # seconds


def partial_path(path: Path) -> Path:
    """A new name beside `path` for what is to be `path`: hidden, and with the process that asks for it."""
    stem = os.fsencode(path.stem)[:_STEM].decode(errors="ignore")
    machine, pid, start = Owner.this()
    return path.with_name(f".{stem}.{machine}-{pid}-{start}-{uuid4().hex[:8]}.partial")


def remove_abandoned(folder: Path) -> None:
    """Remove what processes of this machine left in `folder` under partial names when they were killed.

    What is of another machine, or was written before this one was started anew, goes when it is a week old.
    What cannot be removed is left.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208, for pathlib makes an object of each of thousands
    except OSError:
        return
    for ours in filter(None, map(_OURS.fullmatch, names)):
        with suppress(OSError):
            path = folder / ours[0]
            if _abandoned(path, ours):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _abandoned(path: Path, ours: re.Match[str]) -> bool:
    owner = Owner(ours["machine"], int(ours["pid"]), int(ours["start"]))
    if owner.here:
        return owner.gone
    written = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    return time.time() - written > _OLD
