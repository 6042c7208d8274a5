"""Several runners and workers on one matrix, and what a cell may take: each cell runs once, and ends by a name."""

import errno
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from forking import caption_zoo
from records import record as a_record

from benchmarks.cell import workdir
from benchmarks.cell.workdir import publish, working_folder
from benchmarks.executors.setup import RunSetup, Task, leases_in
from benchmarks.executors.site import Site
from benchmarks.executors.worker import Worker
from benchmarks.plan.matrix import Plan
from benchmarks.records.outcome import OUTCOMES, outcome_of
from benchmarks.records.record import RunRecord, records

CONFIG = """
dataset: scenes(train=24, validation=4, test=4)
matrix: {backbone: ["patches(dim=16)", "patches(dim=24)"], attention: [mean, luong], decoder: lstm(dim=16)}
metrics: cider
training: {epochs: 2, decay_epochs: 2, min_count: 1, objective: counted}
decoding: {num_beams: 2, max_length: 8}
"""
PLUGIN = """
import ctypes, os, signal, sys, time
from pathlib import Path
import torch
from benchmarks.training import OBJECTIVES
from benchmarks.training.objectives.cross_entropy import CrossEntropy
from zoo.attention import ATTENTIONS
from zoo.attention.mean import Mean

@OBJECTIVES.register("counted")
class Counted(CrossEntropy):
    "Cross-entropy that leaves the number of its process."
    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        with open(os.environ["COUNT"], "a") as file:
            file.write(f"{os.getpid()}\\n")  # once more when its speed is measured

def attention(name, change):
    class Changing(Mean):
        "Does something when it is trained."
        def forward(self, *given, **options):
            if self.training and torch.is_grad_enabled():
                change()
            return super().forward(*given, **options)
    ATTENTIONS.register(name)(Changing)

def eat():
    eaten = []
    while True:
        eaten.append(bytearray(50_000_000))
        time.sleep(0.02)

def once():
    if not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)

def raising(error):
    raise error

attention("sleeps", lambda: time.sleep(3600))
attention("stops", lambda: os.kill(os.getpid(), signal.SIGSTOP))
attention("exits", lambda: os._exit(7))
attention("crashes", lambda: ctypes.string_at(0))
attention("eats", eat)
attention("slow", lambda: time.sleep(0.1))
attention("killed_once", once)
attention("killed", lambda: os.kill(os.getpid(), signal.SIGKILL))
attention("wrong", lambda: raising(ValueError("a wrong value")))
attention("breaks", lambda: raising(ZeroDivisionError("in a part")))
attention("no_memory", lambda: raising(torch.OutOfMemoryError("CUDA out of memory")))
attention("diverges", lambda: raising(FloatingPointError("no finite number")))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "plugin.py").write_text(PLUGIN)
    return folder


def start(place, *words, out, cache=None):
    where = ("--out", out, "--cache", cache or f"{out}-cache")
    environment = {**os.environ, "COUNT": str(place / f"{out}-count")}
    words = ("run", "config.yaml", "--plugin", "plugin.py", *where, *words)
    return caption_zoo(*words, folder=place, environment=environment)


def trained(place, out):
    """How many processes have trained a cell."""
    return len(set((place / f"{out}-count").read_text().splitlines()))


def left_behind(out):
    """All but runs and the checkpoints of failed ones: what somebody has forgotten to remove."""
    return [path for path in out.glob(".*/*") if path.parent.name != ".checkpoints"] + list(out.rglob(".?*.partial"))


@pytest.mark.parametrize("runners", [2, 4])
def test_runners_on_one_folder_share_its_cells(place, runners):
    out = f"runners{runners}"
    ended = [each.end() for each in [start(place, out=out) for _ in range(runners)]]
    assert [each.returncode for each in ended] == [0] * runners, ended
    assert len(list(records(place / out))) == 4
    assert trained(place, out) == 4
    assert all("4 of 4 cells done" in each.stdout for each in ended)  # each has all results at its end
    assert left_behind(place / out) == []


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_workers_of_one_command_divide_the_cores(place):
    ended = start(place, "--workers", 2, out="workers").end()
    assert ended.returncode == 0, ended
    found = list(records(place / "workers"))
    cores = len(os.sched_getaffinity(0))
    assert [record.environment["workers"] for record in found] == [2] * 4
    assert all(record.environment["threads"] <= (cores + 1) // 2 for record in found)
    assert trained(place, "workers") == 4
    assert left_behind(place / "workers") == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--workers", 1000), "workers=1000: there are"),
        (("--workers", -1), "workers=-1 should not be negative"),
        (("--executor", "locla"), "Did you mean 'local'?"),
        (("--executor", "local(worker=2)"), "workers"),
        (("--time-limit", "soon"), "--time-limit 'soon' should be a time, such as"),
        (("--memory-limit", "8"), "--memory-limit '8' should be a size, such as"),
        (("--retries", -1), "--retries -1 should not be negative"),
        (("--retry-on", "wrath"), "--retry-on wrath: there is no such outcome. There are"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(place, words, why):
    ended = start(place, *words, out="refused").end()
    assert ended.returncode == 2, ended
    assert why in ended.stderr
    assert ended.stderr.count("\n") == 1


class Cell:
    id = "0123456789ab"


def test_who_only_waits_for_others_can_be_stopped(place):
    plan_only = start(place, "--dry-run", out="waiting").end()
    ids = re.findall(r"^([0-9a-f]{12})  ", plan_only.stdout, re.MULTILINE)
    assert len(ids) == 4
    (place / "waiting").mkdir()
    with leases_in(place / "waiting") as leases, ExitStack() as stack:
        assert all(stack.enter_context(leases.taken(name)) for name in ids)
        waiting = start(place, out="waiting")
        time.sleep(4)
        assert waiting.runs()
        os.kill(waiting.pid, signal.SIGTERM)
        ended = waiting.end(20)
    assert (ended.returncode, ended.stdout) == (143, ""), ended
    assert left_behind(place / "waiting") == []


def test_who_has_lost_its_lease_leaves_the_work_of_the_next_one_alone(tmp_path, monkeypatch):
    """As after minutes without network: the cell fails since the next holder has cleared its folder."""
    setup = RunSetup(Plan((), ()), tmp_path / "out", tmp_path / "cache")
    for folder in (setup.out, setup.cache):
        folder.mkdir()
    theirs = setup.out / ".partial" / f"{Cell.id}-theirs"

    def lose(self, cell, lease):
        lease.file.unlink()
        theirs.mkdir(parents=True)
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Site, "prepare", lambda *_: None)
    monkeypatch.setattr(Site, "waits_for", lambda *_: False)
    monkeypatch.setattr(Worker, "_run", lose)
    with Site(None, setup) as site:
        assert Worker(site, setup.resources).run(Task.of(Cell, setup.out)) is None
    assert theirs.is_dir()
    assert list(records(setup.out)) == []


LIMITED = {
    "sleeps": "silent",
    "stops": "silent",
    "exits": "crashed",
    "crashes": "crashed",
    "eats": "out_of_memory",
    "slow": "time_limit",
    "killed": "killed",
    "killed_once": "",
    "wrong": "invalid",
    "breaks": "error",
    "no_memory": "out_of_memory",
    "diverges": "non_finite",
    "mean": "",
}


def test_each_misbehaving_part_costs_its_own_cell_and_is_named(place):
    named = [word for name in LIMITED for word in ("--attention", name)]
    limits = ("--time-limit", "12s", "--silence-limit", "6s", "--memory-limit", "1.5GB")
    words = (*named, *limits, "--backbone", "patches(dim=16)", "--training.epochs", "5", "--training.decay_epochs", "5")
    ended = start(place, *words, out="limits").end()
    assert ended.returncode == 1, ended
    found = {record.parts["attention"]: record for record in records(place / "limits")}
    assert {name: found[name].outcome for name in LIMITED} == LIMITED, ended
    assert found["mean"].done
    assert found["killed_once"].done  # tried again
    assert trained(place, "limits") == len(LIMITED) + 2  # "killed" was tried again too, and no other
    assert found["sleeps"].error == "no sign of life for 6 s, the last of it training"
    assert found["slow"].error.startswith("not at its end after 12 s, the last of it training")
    assert left_behind(place / "limits") == []


def test_what_ended_a_cell_has_a_name():
    class Own(ValueError):
        pass

    assert outcome_of(Own()) == "invalid"
    assert outcome_of(OSError()) == "error"
    assert outcome_of(MemoryError()) == "out_of_memory"
    assert {outcome_of(error) for error in (KeyError(), ArithmeticError(), RuntimeError())} == {"error"}
    assert all(name.isidentifier() and what for name, what in OUTCOMES.items())


def published(out, record):
    with working_folder(record, out) as partial:
        record.save(partial)
        return publish(record, partial, out)


def test_of_records_that_are_published_at_once_one_stays_and_none_is_lost(tmp_path, monkeypatch, capsys):
    """Without any lock: threads take turns at every system call; a failed record makes room, a done one never."""
    monkeypatch.setattr(workdir, "damage", lambda *_: None)  # records alone
    done = a_record()
    other = replace(done, captions={**done.captions, "0": "another caption"})
    failed = replace(done, status="failed", error="as it goes", scores={}, captions={}, per_image={}, samples=())
    for turn in range(40):
        out = tmp_path / str(turn)
        out.mkdir()
        if turn % 2:
            published(out, failed)
        barrier, found = threading.Barrier(4), []

        def publish_one(record, out=out, barrier=barrier, found=found):
            barrier.wait()
            found.append(published(out, record))

        threads = [threading.Thread(target=publish_one, args=(each,)) for each in (done, failed, other, done)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (kept,) = records(out)
        assert kept.done
        aside = [RunRecord.load(path) for path in (out / ".conflicts").glob("*/record.json")]
        assert capsys.readouterr().err.count("was run twice, with two results") == len(aside)
        assert {each.captions["0"] for each in (kept, *aside)} == {done.captions["0"], "another caption"}
        assert len(found) == 4
        assert not list((out / ".partial").iterdir())


TMPFS = os.geteuid() == 0 and Path("/proc/filesystems").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes, whose size can be changed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], capture_output=True).returncode:
        pytest.skip("cannot mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(not TMPFS, reason="mounting takes root, and Linux")
def test_on_a_full_or_read_only_disk_the_matrix_stops_and_resumes(place, small_disk):
    def run():
        words = ("--out", small_disk / "runs", "--cache", place / "disk-cache", "--backbone", "patches(dim=16)")
        environment = {**os.environ, "COUNT": str(place / "disk-count")}
        return caption_zoo("run", "config.yaml", "--plugin", "plugin.py", *words, folder=place, environment=environment)

    def remount(options):
        subprocess.run(["mount", "-o", f"remount,{options}", small_disk], check=True)

    ended = run().end()
    assert ended.returncode == 3, ended
    assert ended.stderr.count("\n") == 1
    assert f"{small_disk / 'runs'}: the disk is full: free some space" in ended.stderr
    assert list(records(small_disk / "runs")) == []
    assert not (place / "disk-count").exists()  # before anything was trained
    remount("size=256m")
    assert run().end().returncode == 0
    assert len(list(records(small_disk / "runs"))) == 2
    remount("ro")
    (small_disk / "runs").mkdir(exist_ok=True)
    ended = run().end()
    assert ended.returncode == 3, ended
    assert ended.stderr.count("\n") == 1
    remount("rw")
    assert run().end().returncode == 0
