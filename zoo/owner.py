"""Which process something belongs to, told so that others can find out whether it still runs."""

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    """A process. Its number alone says little: numbers come again, and each machine and container has its own.

    machine: eight hex digits; start: in the kernel's ticks, 0 where the system does not tell.
    """

    machine: str
    pid: int
    start: int

    @classmethod
    def this(cls) -> "Owner":
        """The process that asks."""
        return cls(_machine(), os.getpid(), _start(os.getpid()))

    @property
    def here(self) -> bool:
        """Whether its number means something to this process: the same machine, since it was started."""
        return self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended; of a process on another machine nothing is."""
        return self.here and not _lives(self.pid, self.start)


@cache
def _machine() -> str:
    """Where a number stands for one process: a host, since it was started, and in it a container's processes."""
    told = [socket.gethostname()]
    with suppress(OSError):  # macOS has no /proc
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _lives(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no system has so large a number
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
