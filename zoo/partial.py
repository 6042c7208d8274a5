"""Partial names: of files and folders that a process has in work, and which process that is.

So what a killed process left is known from what a living one has in work, without locks.
"""

import hashlib
import os
import re
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_OURS = re.compile(
    r"\..*\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,9})-(?P<start>\d{1,20})-[0-9a-f]{8}\.partial", re.DOTALL
)
_STEM = 80  # bytes of a name that its partial one begins with; a name may have 255, in an encrypted folder 143
_OLD = 7 * 24 * 3600.0  # seconds


def partial_path(path: Path) -> Path:
    """A new name beside `path` for what is to be `path`: hidden, and with the process that asks for it."""
    stem = os.fsencode(path.stem)[:_STEM].decode(errors="ignore")
    pid = os.getpid()
    return path.with_name(f".{stem}.{_machine()}-{pid}-{_start(pid)}-{uuid4().hex[:8]}.partial")


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
    if ours["machine"] == _machine():
        return not _lives(int(ours["pid"]), int(ours["start"]))
    written = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    return time.time() - written > _OLD


def _machine() -> str:
    """Where a number stands for one process: a host, since it was started, and in it a container's processes."""
    told = [socket.gethostname()]
    with suppress(OSError):  # macOS has no /proc
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _lives(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    now = _start(pid)
    return now == start or 0 in (now, start)


def _start(pid: int) -> int:
    """When a process was started, in ticks; 0 where the system does not tell, and 1 for one that has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 1 if state in b"ZX" else int(fields[18])
