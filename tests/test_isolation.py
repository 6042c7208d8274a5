"""What a part does to the process it is in changes nothing for other cells, and ends nothing but its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forking import caption_zoo
from repeatable import repeatable
from sources import PYTHONPATH

from benchmarks.cell.workdir import remove_stale, working_folder
from benchmarks.executors import planning
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.setup import leases_in
from benchmarks.records.record import records
from zoo.owner import Owner
from zoo.partial import partial_path

ROOT = Path(__file__).parents[1]
CONFIG = """
dataset: scenes(train=12, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16)}
metrics: cider
training: {epochs: 1, decay_epochs: 2, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
PLUGIN = """
import gc, os, random, resource, signal, sys, threading, time
import numpy, torch
from zoo.attention import ATTENTIONS
from zoo.attention.mean import Mean

def attention(name, change):
    class Changing(Mean):
        "Changes its process."
        def __init__(self, query_dim, feature_dim):
            super().__init__(query_dim, feature_dim)
            change()
    ATTENTIONS.register(name)(Changing)

def patch_cider():
    from benchmarks.metrics import cider
    cider.Cider.compare = lambda self, candidates, prepared: {"CIDEr": type("S", (), {"corpus": 9.9, "per_image": [9.9] * len(candidates)})()}

def patch_backbone():
    from zoo.backbones.patches import Patches
    Patches.forward = lambda self, images: 1 / 0

def no_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

def everything():
    os.environ.update(LC_ALL="de_DE", OMP_NUM_THREADS="7")
    os.environ.pop("PATH", None)
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
    sys.path.clear(); sys.setrecursionlimit(50_000)
    gc.disable()

def leave_a_thread():
    threading.Thread(target=time.sleep, args=(3600,)).start()

attention("dtype", lambda: torch.set_default_dtype(torch.float64))
attention("no_gradients", lambda: torch.set_grad_enabled(False))
attention("threads", lambda: torch.set_num_threads(5))
attention("deterministic", lambda: torch.use_deterministic_algorithms(True))
attention("metric", patch_cider)
attention("backbone", patch_backbone)
attention("files", no_files)
attention("everything", everything)
attention("thread", leave_a_thread)
attention("prints", lambda: print("[1/1] 000000000000  all: CIDEr 9.9", flush=True))
attention("exits", lambda: sys.exit(0))
attention("crashes", lambda: os.kill(os.getpid(), signal.SIGSEGV))
attention("sleeps", lambda: time.sleep(3600))
attention("stops", lambda: os.kill(os.getpid(), signal.SIGSTOP))
"""
HARMFUL = [
    "dtype",
    "no_gradients",
    "threads",
    "deterministic",
    "metric",
    "backbone",
    "files",
    "everything",
    "thread",
    "prints",
]
ENDING = {"exits": "exit code 0", "crashes": "SIGSEGV"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isolation")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "plugin.py").write_text(PLUGIN)
    return folder


def run(place, *attentions, out, plugin="plugin.py"):
    named = [word for name in attentions for word in ("--attention", name)]
    where = ("--out", place / out, "--cache", place / f"{out}-cache")
    return caption_zoo("run", "config.yaml", "--plugin", plugin, *where, *named, folder=place).end()


def outcome(record):
    """What another run of the same cell has in common with this one: all but times and the place."""
    files = {name: digest for name, digest in record.files.items() if name != "record.json"}
    return (
        record.request,
        record.scores,
        record.per_image,
        record.captions,
        repeatable(record.curve),
        record.data,
        files,
    )


def test_a_part_changes_nothing_for_the_next_cell(place):
    alone = run(place, "mean", out="alone")
    assert alone.returncode == 0, alone
    (undisturbed,) = records(place / "alone")
    ended = run(place, *HARMFUL, "mean", out="beside")
    found = {record.parts["attention"]: record for record in records(place / "beside")}
    assert set(found) == {*HARMFUL, "mean"}, ended
    assert outcome(found["mean"]) == outcome(undisturbed)
    assert found["thread"].done  # and nobody waited for it
    assert found["prints"].done
    assert found["metric"].scores["CIDEr"] == 9.9
    assert "all: CIDEr 9.9" not in ended.stdout + ended.stderr
    assert "CIDEr 9.9" in (place / "beside" / found["prints"].id / "output.txt").read_text()
    assert not list((place / "beside").glob(f"{found['mean'].id}/output.txt"))


def test_a_part_that_ends_its_process_is_the_reason_of_its_cell_alone(place):
    ended = run(place, *ENDING, "mean", out="ending")
    assert ended.returncode == 1
    found = {record.parts["attention"]: record for record in records(place / "ending")}
    assert found.pop("mean").done
    assert set(found) == set(ENDING)
    for name, record in found.items():
        assert ENDING[name] in record.error
        assert record.error.startswith("when it was built, its process ")


def test_a_part_that_does_not_come_to_an_end_is_not_waited_for(place, monkeypatch):
    monkeypatch.setattr(planning, "_BUILDING", 2.0)
    monkeypatch.chdir(place)
    from benchmarks.config import Experiment, Matrix, Training
    from registry import Spec

    attentions = tuple(map(Spec, ("sleeps", "mean", "stops")))
    experiment = Experiment(
        Spec.parse("scenes(train=2, validation=1, test=1)"),
        Matrix((Spec.parse("patches(dim=16)"),), attentions, (Spec.parse("lstm(dim=16)"),)),
        training=Training(min_count=1),
    )
    plugins = ["plugin.py"]
    with ForkServer() as server:
        planned = planning.plan(server, experiment, plugins)
        reasons = list(planning.incompatibilities(server, planned, planned.cells))
    assert [why == "when it was built, no sign of life for 2 s" for why in reasons] == [True, False, True]
    assert reasons[1] is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit(0)", "could not be loaded: SystemExit: 0"),
        ("import os; os._exit(0)", "ended by itself with exit code 0"),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        ("raise RuntimeError('x' * 100)", "could not be loaded: RuntimeError: xxx"),
    ],
)
def test_a_plugin_that_ends_the_process_when_imported_is_named(place, code, why):
    (place / "ending.py").write_text(code)
    ended = run(place, "mean", out="imported", plugin="ending.py")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert why in ended.stderr
    assert ended.stderr.count("\n") == 1


SCRIPT = """
from benchmarks.cli.main import main
print("once")
assert main(["run", "config.yaml", "--out", OUT, "--cache", "script-cache"]) == 0
"""


@pytest.mark.parametrize("way", ["script", "stdin"])
def test_a_script_without_a_guard_and_standard_input_run_a_matrix(place, way):
    script = SCRIPT.replace("OUT", repr(way))
    (place / "script.py").write_text(script)
    words = [sys.executable, *(["script.py"] if way == "script" else [])]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(words, cwd=place, input=script, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("once") == 1
    assert [record.done for record in records(place / way)] == [True]


def test_work_that_somebody_has_the_lease_on_is_left_alone(tmp_path):
    class Cell:
        id = "0123456789ab"

    with leases_in(tmp_path) as leases, leases.taken(Cell.id), working_folder(Cell, tmp_path) as mine:
        left = mine.with_name("ba9876543210-killed")
        left.mkdir()
        with leases_in(tmp_path) as another:
            remove_stale(tmp_path, another)
        assert mine.is_dir()
        assert not left.exists()
    assert not list((tmp_path / ".partial").iterdir())
    assert not list((tmp_path / ".leases").iterdir())


def test_what_the_dead_held_goes_though_its_cell_is_done(tmp_path):
    """Killed between the publication of a run and the end of its lease."""
    folder = tmp_path / ".partial" / "0123456789ab-killed"
    folder.mkdir(parents=True)
    (tmp_path / ".leases").mkdir()
    dead = Owner.this()._replace(start=1)._asdict()
    (tmp_path / ".leases" / "0123456789ab.1").write_text(json.dumps({"token": "theirs", "owner": dead}))
    mine = partial_path(tmp_path / "shared")
    left = mine.with_name(mine.name.replace(f"-{dead['pid']}-", f"-{dead['pid']}-1"))
    mine.touch()
    left.touch()
    with leases_in(tmp_path) as leases:
        remove_stale(tmp_path, leases)
    assert mine.exists()
    assert not left.exists()
    assert not [*(tmp_path / ".partial").iterdir(), *(tmp_path / ".leases").iterdir()]


def test_two_runners_on_one_folder_both_come_to_their_end(place):
    both = [caption_zoo("run", "config.yaml", "--out", "both", "--cache", "both-cache", folder=place) for _ in range(2)]
    ended = [each.end() for each in both]
    assert [each.returncode for each in ended] == [0, 0], ended
    assert [record.done for record in records(place / "both")] == [True]
    assert json.loads((next((place / "both").glob("*/record.json"))).read_text())["status"] == "done"
    assert not list((place / "both" / ".partial").iterdir())


def test_what_a_plugin_does_when_imported_is_for_cells_that_use_it(place):
    (place / "global.py").write_text(PLUGIN + "\ntorch.set_default_dtype(torch.float64)\n")
    assert run(place, "mean", out="untouched").returncode == 0
    run(place, "thread", "mean", out="touched", plugin="global.py")
    (expected,) = records(place / "untouched")
    (found,) = (record for record in records(place / "touched") if record.parts["attention"] == "mean")
    assert outcome(found) == outcome(expected)
