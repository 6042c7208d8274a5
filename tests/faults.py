"""Faults of processes and disks, brought about for real: by strace, by small file systems, by a cut of ext4's power.

Each needs what not every machine has; a skipped test says what is missing.
"""

import fcntl
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from forking import Forked
from unsynced import cut_points
from writers import ALL

from benchmarks.runtime.storage import storage_fault

CALLS = "write,pwrite64,ftruncate,fallocate,fsync,mkdir,rename,renameat2,link,unlink,unlinkat,rmdir"
DONE, FAULT = 0, 3  # exit statuses
_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN: as if the power went
# What else the disk did: nothing; wrote its journal, and no data; the same without writing data ahead of a rename.
POWER_CUTS = {"journal lost": (2, ""), "data lost": (1, ""), "data lost, noauto_da_alloc": (1, "noauto_da_alloc")}


def write_traced(name: str, root: Path, version: int) -> None:
    """Write, once somebody has told this process to go on; exit with `FAULT` where a fault of storage is met."""
    sys.stdout = sys.stderr = io.StringIO()  # a fault is for files
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        ALL[name].write(root, version)
    except Exception as error:
        os._exit(FAULT if storage_fault(error, root) else 1)
    os._exit(DONE)


def write_until_cut(name: str, root: Path, version: int, changes: int | None, kind: int) -> None:
    """Write, and cut the power of the file system after so many changes; or else when all is done."""
    left = changes

    def cut() -> None:
        nonlocal left
        if left == 0:
            _cut_power(root, kind)
            os._exit(FAULT)
        left = None if left is None else left - 1

    with cut_points(cut):
        ALL[name].write(root, version)
    _cut_power(root, kind)
    os._exit(DONE)


def _cut_power(root: Path, kind: int) -> None:
    fcntl.ioctl(os.open(root, os.O_RDONLY), _SHUTDOWN, struct.pack("I", kind))


class Traced:
    """Runs a writer's version 1 in a process of its own, with strace at it."""

    def __init__(self, name: str, root: Path, folder: Path) -> None:
        self.name, self.root, self.folder = name, root, folder

    def run(self, *options: str, version: int = 1) -> int:
        """Its exit status, or less than 0 for the signal that killed it; `options` are strace's."""
        child = Forked(write_traced, self.name, self.root, version, folder=self.folder)
        with suppress(ProcessLookupError):
            _wait_until_stopped(child.pid)
            log = self.folder / "strace"
            command = ["strace", "-p", str(child.pid), "-o", str(log), "-e", f"trace={CALLS}", *options]
            with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
                assert b"attached" in tracer.stderr.readline()
                os.kill(child.pid, signal.SIGCONT)
                tracer.stderr.read()
        return child.end().returncode


def _wait_until_stopped(pid: int) -> None:
    while b") T" not in Path(f"/proc/{pid}/stat").read_bytes():
        time.sleep(0.001)


def need_strace() -> None:
    """Skip where there is none, or it may not look at processes."""
    try:
        subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs strace, and the right to use it")


def need_mounts() -> None:
    """Skip where file systems cannot be made and mounted."""
    if (
        sys.platform != "linux"
        or os.geteuid()
        or not shutil.which("mkfs.ext4")
        or not Path("/dev/loop-control").exists()
    ):
        pytest.skip("needs root, loop devices and mkfs.ext4")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Inside, a file system is mounted on `folder`."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def make_disk(image: Path) -> None:
    """A file that holds an empty ext4."""
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(image)], check=True)
