"""Which process something belongs to, told so that others can find out whether it still runs."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    """A process. Its number alone says little: numbers come again, and each machine and container has its own."""

    machine: str
    pid: int
    start: int

    @classmethod
    def this(cls) -> "Owner":
        """The process that asks."""
        return cls(machine(), os.getpid(), _start(os.getpid()) or 0)

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended; of a process on another machine nothing is."""
        return self.machine == machine() and _start(self.pid) != self.start


@cache
def machine() -> str:
    """Eight hex digits that change with the host, with each of its starts, and with a container's process numbers."""
    marks = [socket.gethostname()]
    boot, numbers = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    for read in (boot.read_text, lambda: str(numbers.readlink())):
        try:
            marks.append(read())
        except OSError:  # no Linux
            marks.append("")
    return hashlib.sha256(repr(marks).encode()).hexdigest()[:8]


def _start(pid: int) -> int | None:
    """When the process started, in the kernel's ticks, or 0 where that is not told; None where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0
