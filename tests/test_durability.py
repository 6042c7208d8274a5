"""Whenever the power, the process or the disk ends: what was reported as done is whole, the rest whole or absent."""

import gc
import os
import re
import shutil
import signal
import stat
import subprocess
from collections import Counter
from contextlib import suppress
from itertools import count

import pytest
from faults import (
    DONE,
    FAULT,
    POWER_CUTS,
    Traced,
    make_disk,
    mounted,
    need_mounts,
    need_strace,
    write_until_cut,
)
from forking import Forked
from safetensors import SafetensorError
from unsynced import Disk, recorded
from writers import ALL, FORGETFUL, WRITERS, encode, encoded

from benchmarks.runtime.storage import storage_fault


def survives(name, tmp_path):
    """The number of states that a disk may hold during and after a second write, all of which are sound."""
    write, read = WRITERS[name]
    root = tmp_path / "root"
    root.mkdir()
    number = count()

    def look(disk, least=0):
        for renamed in (False, True):
            state = tmp_path / str(next(number))
            disk.restore(state, renamed=renamed)
            assert read(state) in range(least, 2), f"{state.name}: {list(state.rglob('*'))}"

    with recorded(root, lambda disk: look(disk, -1)) as disk:
        write(root, 0)
        look(disk)
    with recorded(root, look) as disk:
        write(root, 1)
        look(disk, 1)
    return next(number)


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_lost_that_was_reported_as_done(name, tmp_path):
    assert survives(name, tmp_path) > 20


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("folders", [False, True])
def test_a_writer_that_does_not_sync_is_caught(name, tmp_path, monkeypatch, folders):
    """The planted mistake: what it asks the disk to keep, of files or of folders, is not asked for."""
    sync = Disk.sync

    def forget(disk, handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode) != folders:
            sync(disk, handle)

    monkeypatch.setattr(Disk, "sync", forget)
    with pytest.raises((AssertionError, ValueError, OSError, EOFError, RuntimeError, SafetensorError)):
        survives(name, tmp_path)


def ours(root):
    """What was left under partial names; those of runs' working folders are another's to remove."""
    return [path for path in root.rglob("*.partial") if ".partial" not in path.parts]


class Case:
    """A writer, and a folder with its version 0 for each try of version 1."""

    def __init__(self, name, folder):
        self.name, self.folder, self.root = name, folder, folder / "root"
        self.write, self.read = WRITERS[name]
        (folder / "first").mkdir()
        self.write(folder / "first", 0)

    def run(self, *options):
        """The exit status of another process that writes version 1, with these options of strace."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.folder / "first", self.root)
        return Traced(self.name, self.root, self.folder).run(*options)

    def calls(self, *names):
        """Each system call of that process which changes a disk, or those named: (name, number)."""
        assert self.run() == DONE
        made = Counter(re.findall(r"^(\w+)\(", (self.folder / "strace").read_text(), re.MULTILINE))
        return [
            (call, number) for call, most in made.items() if call in (names or made) for number in range(1, most + 1)
        ]

    def is_sound(self):
        """Version 1 is there whole or not at all, and once it is written again nothing else is."""
        assert self.read(self.root) in (0, 1)
        self.write(self.root, 1)
        return self.read(self.root) == 1 and not ours(self.root)


def some(points, most):
    return points[:: -(-len(points) // most)] if most else points


def sweep_kills(name, folder, most=None):
    """Kill a writer at each of its system calls, or some; the number of kills."""
    case = Case(name, folder)
    points = some(case.calls(), most)
    for call, number in points:
        assert case.run("-e", f"inject={call}:signal=KILL:when={number}") == -signal.SIGKILL, (call, number)
        assert case.is_sound(), (call, number)
    return len(points)


def sweep_errors(name, folder, most=None):
    """Let each system call fail as on a full or failing disk, and those after it too; the number of errors."""
    case = Case(name, folder)
    points = some(case.calls("write", "pwrite64", "fallocate", "fsync", "mkdir", "ftruncate")[:50], most)
    for place, (call, number) in enumerate(points):
        error = "EIO" if call == "fsync" else ("ENOSPC", "EDQUOT", "EROFS")[place % 3]
        status = case.run("-e", f"inject={call}:error={error}:when={number}+")
        harmless = name in TOLERANT or call in ("mkdir", "ftruncate")  # of a folder that is there, of a lock
        assert status == FAULT or (harmless and status == DONE), (call, number, error, status)
        assert case.is_sound(), (call, number, error)
    return len(points)


TOLERANT = {"checkpoint", "tokens"}  # which cost time and no result: a training goes on, references are tokenized again


@pytest.mark.parametrize("name", WRITERS)
def test_a_kill_at_a_system_call_tears_nothing(name, tmp_path):
    need_strace()
    assert sweep_kills(name, tmp_path, most=4)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_or_failing_disk_is_told_and_tears_nothing(name, tmp_path):
    need_strace()
    assert sweep_errors(name, tmp_path, most=4)


@pytest.mark.chaos
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("sweep", [sweep_kills, sweep_errors])
def test_at_any_system_call_it_tears_nothing(sweep, name, tmp_path, record_property):
    need_strace()
    record_property("points", sweep(name, tmp_path))


def cut_power(name, folder, mode, before=None):
    """Cut the power of a disk while version 1 is written; whether that was done, and what is found then."""
    kind, options = POWER_CUTS[mode]
    write, read = ALL[name]
    image, found = folder / "image", folder / "found"
    make_disk(image)
    with mounted(folder / "disk", "-o", f"loop,{options}".rstrip(","), str(image)) as disk:
        (disk / "root").mkdir()
        write(disk / "root", 0)
        os.sync()
        child = Forked(write_until_cut, name, disk / "root", 1, before, kind, folder=folder)
        status = child.end().returncode
    with mounted(folder / "disk", "-o", "loop", str(image)) as disk:
        shutil.rmtree(found, ignore_errors=True)
        shutil.copytree(disk / "root", found)
    assert status in (DONE, FAULT)
    version = read(found)
    write(found, 1)
    assert read(found) == 1
    return status == DONE, version


@pytest.mark.parametrize("mode", POWER_CUTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_power_cut_loses_nothing_that_was_reported_as_done(name, mode, tmp_path):
    need_mounts()
    assert cut_power(name, tmp_path, mode) == (True, 1)


@pytest.mark.parametrize("mode", POWER_CUTS)
def test_a_power_cut_takes_what_was_not_synced(mode, tmp_path):
    """The planted mistake: a disk that kept all would prove nothing."""
    need_mounts()
    try:
        outcome = cut_power(FORGETFUL, tmp_path, mode)
    except AssertionError:  # a file is empty
        outcome = None
    assert outcome != (True, 1)


@pytest.mark.chaos
@pytest.mark.parametrize("mode", POWER_CUTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_power_cut_at_any_change_tears_nothing(name, mode, tmp_path, record_property):
    need_mounts()
    for before in count():
        done, version = cut_power(name, tmp_path, mode, before)
        assert version in ((1,) if done else (0, 1)), (before, version)
        if done:
            break
    record_property("points", before + 1)


@pytest.mark.parametrize(("what", "size", "files"), [("room", "2m", "10k"), ("files", "8m", "60")])
@pytest.mark.parametrize("name", WRITERS)
def test_on_a_disk_without_room_or_files_the_path_is_told_and_the_rest_resumes(name, what, size, files, tmp_path):
    need_mounts()
    write, read = WRITERS[name]
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", f"size={size},nr_inodes={files}", "tmpfs") as disk:
        (disk / "root").mkdir()
        write(disk / "root", 0)
        fillers = disk / "fillers"
        fillers.mkdir()
        with suppress(OSError):
            for number in count():
                (fillers / str(number)).write_bytes(b"" if what == "files" else b"x" * 4096)
        try:
            write(disk / "root", 1)
            fault = None
        except (OSError, RuntimeError) as error:
            fault = storage_fault(error, disk / "root")
        if fault or name not in TOLERANT:
            assert fault.startswith(f"{disk}/root")
            assert "the disk is full: free some space" in fault
        assert read(disk / "root") == 0
        shutil.rmtree(fillers)
        write(disk / "root", 1)
        assert read(disk / "root") == 1
        assert not ours(disk / "root")


def test_a_cache_that_is_read_only_can_be_read(tmp_path, capsys):
    need_mounts()
    with mounted(tmp_path / "disk", "-t", "tmpfs", "tmpfs") as disk:
        encode(disk, 0)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        encode(disk, 0)
        assert "takes no locks (Read-only file system)" in capsys.readouterr().out
        with pytest.raises(OSError, match="Read-only") as caught:
            encode(disk, 1)
        assert storage_fault(caught.value).startswith(f"{disk}/cache/images/")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        encode(disk, 1)
        assert encoded(disk) == 1
        gc.collect()  # stores that are open keep the disk
