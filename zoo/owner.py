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
        return cls(_machine(), os.getpid(), _start(os.getpid()) or 0)

    @property
    def here(self) -> bool:
        """Whether its number means something to this process: the same machine, since it was started."""
        return self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended; of a process on another machine nothing is."""
        return self.here and _start(self.pid) not in ((self.start, 0) if self.start else (0,))


@cache
def _machine() -> str:
    """Where a number stands for one process: a host, since it was started, and in it a container's processes."""
    told = [socket.gethostname()]
    with suppress(OSError):  # macOS has no /proc
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _start(pid: int) -> int | None:
    """When a process was started; 0 where the system does not tell, None for one that has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return None if state in b"ZX" else int(fields[18])
