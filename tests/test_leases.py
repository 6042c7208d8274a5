"""Leases: one holder at a time among threads, processes and machines, without locks of the file system."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sources import PYTHONPATH

from benchmarks.runtime import leases as module
from benchmarks.runtime.leases import Leases
from benchmarks.runtime.storage import StorageError
from zoo.owner import Owner

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from benchmarks.runtime.leases import Leases
with Leases(Path(sys.argv[1])) as leases, leases.taken("a") as lease:
    print(lease is not None, flush=True)
    sys.stdin.read()
"""


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PYTHONPATH},
    )  # fmt: skip
    assert process.stdout.readline() == "True\n"
    return process


def has(leases, name="a"):
    with leases.taken(name) as lease:
        return lease is not None


def foreign(folder, number=1, machine="00000000"):
    """A lease of another machine, of which nobody here can know whether its process runs."""
    folder.mkdir(exist_ok=True)
    file = folder / f"a.{number}"
    file.write_text(json.dumps({"token": "theirs", "owner": {"machine": machine, "pid": 1, "start": 1}}))
    return file


def test_one_holder_at_a_time_and_nothing_is_left(tmp_path):
    with Leases(tmp_path) as one, Leases(tmp_path) as other:
        with one.taken("a") as lease:
            assert lease
            assert not has(one)  # another thread's question
            assert not has(other)
            assert has(other, "b")
            assert other.names() == {"a"}
        assert has(other)
    assert not list(tmp_path.iterdir())


def test_that_of_a_killed_process_is_taken_over_at_once_and_that_of_a_living_one_never(tmp_path):
    process = holder(tmp_path)
    try:
        with Leases(tmp_path) as leases:
            assert not has(leases)
            process.kill()
            process.wait()
            assert has(leases)
        assert not list(tmp_path.iterdir())
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def test_the_number_of_a_process_alone_says_nothing(tmp_path):
    machine, pid, start = Owner.this()
    file = tmp_path / "a.1"
    for owner, expected in (
        ({"machine": machine, "pid": pid, "start": start}, False),
        ({"machine": machine, "pid": pid, "start": start - 1}, True),  # the number came again
        ({"machine": "00000000", "pid": 2**22 + 1, "start": 1}, False),  # elsewhere it may run
    ):
        file.write_text(json.dumps({"token": "", "owner": owner}))
        with Leases(tmp_path) as leases:
            assert has(leases) is expected, owner


def test_of_another_machine_it_is_taken_over_when_it_was_not_touched_while_it_was_watched(tmp_path):
    file = foreign(tmp_path)
    os.utime(file, (0, 0))  # whatever the clocks say
    with Leases(tmp_path, patience=0.3) as leases:
        assert not has(leases)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:  # touched again and again, into the past and the future
            os.utime(file, (end, time.time() + 86_400 * (1 - 2 * int(time.monotonic() * 50 % 2))))
            assert not has(leases)
            time.sleep(0.02)
        time.sleep(0.4)
        assert has(leases)
    assert not file.exists()


def test_who_was_taken_for_dead_hears_of_it(tmp_path):
    with Leases(tmp_path, beat=0.05) as one, one.taken("a") as lease:
        lease.file.unlink()  # as who takes over does
        assert lease.lost.wait(5)
        with Leases(tmp_path) as other, other.taken("a") as theirs:
            assert theirs
    assert not list(tmp_path.iterdir())


def test_a_lease_is_touched_as_long_as_it_is_held(tmp_path):
    with Leases(tmp_path, beat=0.05) as leases, leases.taken("a") as lease:
        os.utime(lease.file, (0, 0))
        end = time.monotonic() + 5
        while lease.file.stat().st_mtime == 0:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert not lease.lost.is_set()


@pytest.mark.parametrize("content", ['{"tok', "[]", '{"owner":' * 3000, '{"owner": {"machine": 1}}'])
def test_a_torn_one_counts_as_fresh(tmp_path, content):
    (tmp_path / "a.1").write_text(content)
    with Leases(tmp_path, patience=0.1) as leases:
        assert not has(leases)
        time.sleep(0.2)
        assert has(leases)


def test_one_of_a_process_that_no_system_can_have_is_taken_over(tmp_path):
    owner = Owner.this()._replace(pid=10**30)
    (tmp_path / "a.1").write_text(json.dumps({"token": "x", "owner": owner._asdict()}))
    with Leases(tmp_path) as leases:
        assert has(leases)


@pytest.mark.parametrize("locks", ["work", "do nothing"])
def test_of_many_one_gets_it(tmp_path, monkeypatch, locks):
    """Each round all ask at once, for what was held by a dead process; none of them looks at a lock of the system."""
    if locks == "do nothing":
        monkeypatch.setattr("fcntl.flock", lambda *_: None)
    many, held, worst = [Leases(tmp_path) for _ in range(4)], [], []
    barrier, guard = threading.Barrier(4), threading.Lock()

    def ask(mine):
        for _ in range(50):
            barrier.wait()
            with mine.taken("a") as lease:
                if lease:
                    with guard:
                        held.append(lease)
                        worst.append(len(held))
                    time.sleep(0.001)
                    with guard:
                        held.remove(lease)

    foreign(tmp_path, machine=Owner.this().machine)
    threads = [threading.Thread(target=ask, args=(each,)) for each in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(worst) == {1}
    assert len(worst) >= 40
    for each in many:
        each.close()
    assert not list(tmp_path.iterdir())


def test_two_who_have_seen_different_files_both_step_back(tmp_path, monkeypatch):
    """One has seen a stale lease and sleeps; meanwhile that one has gone, and a third one begins again at 1."""
    create = module._create

    def late(lease):
        foreign(tmp_path, 1)
        return create(lease)

    foreign(tmp_path, 5, Owner.this().machine)  # pid 1 did not start at tick 1
    monkeypatch.setattr(module, "_create", late)
    with Leases(tmp_path) as leases:
        assert not has(leases)
    assert {file.name for file in tmp_path.iterdir()} == {"a.1", "a.5"}


def test_a_stopped_process_loses_it_and_hears_of_it(tmp_path):
    process = holder(tmp_path)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        with Leases(tmp_path, patience=0.2) as leases:
            assert not has(leases)
            time.sleep(0.3)
            assert has(leases)
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def test_a_number_that_is_used_again_is_not_taken_for_the_stale_one(tmp_path, monkeypatch):
    """One has seen a.1 of a dead process; by the time it makes a.2, a.1 is that of a living one."""
    create, theirs = module._create, Leases(tmp_path)

    def late(lease):
        monkeypatch.setattr(module, "_create", create)
        (tmp_path / "a.1").unlink()
        theirs.__enter__()
        assert theirs._take("a")
        return create(lease)

    foreign(tmp_path, 1, Owner.this().machine)
    monkeypatch.setattr(module, "_create", late)
    with Leases(tmp_path) as leases:
        assert not has(leases)
    assert {file.name for file in tmp_path.iterdir()} == {"a.1"}
    assert theirs.holds(theirs._held["a"])
    theirs.close()


def test_whether_it_is_held_is_known_before_the_next_beat(tmp_path):
    with Leases(tmp_path) as leases, leases.taken("a") as lease:
        assert leases.holds(lease)
        lease.file.unlink()
        assert not lease.lost.is_set()
        assert not leases.holds(lease)


def test_without_room_for_it_the_folder_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.json, "dump", full)
    with Leases(tmp_path / ".leases") as leases, pytest.raises(StorageError, match=f"{tmp_path}: the disk is full"):
        has(leases)
    assert not list((tmp_path / ".leases").iterdir())


def test_one_that_is_not_written_yet_counts(tmp_path, monkeypatch):
    """Another one has just made its file, and has not come to write into it."""
    create = module._create

    def late(lease):
        (tmp_path / "a.7").touch()
        return create(lease)

    monkeypatch.setattr(module, "_create", late)
    with Leases(tmp_path) as leases:
        assert not has(leases)
    assert {file.name for file in tmp_path.iterdir()} == {"a.7"}
