"""Cells on a cluster of Ray, two nodes of which are on this machine: whatever is killed, each has one record."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from forking import caption_zoo, until

from benchmarks.executors.allotment import extra, require_one_node
from benchmarks.executors.ray_cluster import Demand
from benchmarks.executors.ray_runner import Runner
from benchmarks.executors.setup import RunSetup
from benchmarks.plan.matrix import Plan
from benchmarks.records.record import records
from benchmarks.runtime.launch import Launch
from zoo.owner import Owner

pytest.importorskip("ray", reason="Ray is not installed: pip install 'caption-zoo[ray]'")

CONFIG = """
dataset: scenes(train=12, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16), seeds: SEEDS}
metrics: cider
training: {epochs: EPOCHS, decay_epochs: 0, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes of one core each; the first, the head, lives as long as the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # nothing but loopback
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        from ray.cluster_utils import Cluster

        handler = signal.getsignal(signal.SIGTERM)
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        signal.signal(signal.SIGTERM, handler)  # Ray has put in one of its own
        yield started
        started.shutdown()


@pytest.fixture
def place(tmp_path):
    def write(seeds, epochs):
        (tmp_path / "config.yaml").write_text(CONFIG.replace("SEEDS", str(seeds)).replace("EPOCHS", str(epochs)))
        return tmp_path

    return write


def start(place, cluster):
    spec = f"ray(address='{cluster.address}')"
    return caption_zoo("run", "config.yaml", "--out", "out", "--cache", "cache", "--executor", spec, folder=place)


def holders(place):
    """The processes that hold leases on cells: those of actors."""
    found = set()
    for file in (place / "out" / ".leases").glob("*"):
        try:
            found.add(Owner(**json.loads(file.read_text())["owner"]))
        except (OSError, ValueError):  # just given back, or not written yet
            continue
    return {owner for owner in found if not owner.gone}


def left_behind(place):
    return [path for name in (".leases", ".partial", ".checkpoints") for path in (place / "out" / name).iterdir()]


def test_a_matrix_survives_a_node(cluster, place):
    folder = place([0, 1, 2, 3], 3)
    handler = signal.getsignal(signal.SIGTERM)
    node = cluster.add_node(num_cpus=1)
    signal.signal(signal.SIGTERM, handler)
    running = start(folder, cluster)
    until(lambda: len(holders(folder)) == 2, running)
    os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    ended = running.end()
    assert ended.returncode == 0, ended
    assert ended.stderr == ""
    found = list(records(folder / "out"))
    assert len({record.id for record in found if record.done}) == len(found) == 4
    assert not (folder / "out" / ".conflicts").exists()
    assert left_behind(folder) == []
    cluster.remove_node(node, allow_graceful=False)


def test_a_cell_resumes_after_its_worker_or_its_command_is_killed(cluster, place):
    folder, seen = place([0], 40), set()

    def states():
        return set(folder.glob("out/.checkpoints/*/[!.]*")) - seen

    def kill(running, number):
        (runner,) = until(lambda: states() and holders(folder), running)
        os.kill(running.pid if number else runner.pid, number or signal.SIGKILL)
        assert not number or running.end().returncode == (143 if number == signal.SIGTERM else -number)
        until(lambda: runner.gone)
        time.sleep(0.5)  # until the cell's own process is, too
        seen.update(states())

    running = start(folder, cluster)
    kill(running, 0)  # the worker, which is replaced
    kill(running, signal.SIGTERM)
    assert list((folder / "out" / ".leases").iterdir()) == []
    kill(start(folder, cluster), signal.SIGKILL)
    ended = start(folder, cluster).end()
    assert ended.returncode == 0, ended
    (record,) = records(folder / "out")
    assert record.environment["resumed"] == 3
    assert left_behind(folder) == []


def test_what_no_node_has_is_named_before_anything_starts(place):
    """With Ray on this machine, which starts for this command."""
    folder = place([0], 1)
    words = ("run", "config.yaml", "--out", "out", "--cache", "cache")
    ended = caption_zoo(*words, "--executor", "ray(gpus=64)", folder=folder).end()
    assert ended.returncode == 2
    assert ended.stderr.startswith("caption-zoo: no node of the Ray cluster has 1 cores, 64 GPUs")
    assert ended.stderr.count("\n") == 1
    ended = caption_zoo(*words, "--executor", "ray(address='127.0.0.1:1')", folder=folder).end()
    assert ended.returncode == 2
    assert ended.stderr.startswith("caption-zoo: there is no Ray cluster at 127.0.0.1:1: ")
    assert ended.stderr.count("\n") == 1


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'caption-zoo\[ray\]'"):
        extra("ray")


def test_a_cell_has_one_machine_and_a_gpu_for_each_process():
    with pytest.raises(ValueError, match="leave out --nodes"):
        require_one_node(Launch(local=1, world=2), 0, "ray")
    with pytest.raises(ValueError, match="needs a GPU"):
        require_one_node(Launch(local=2, world=2), 1, "ray")
    require_one_node(Launch(), 0.5, "ray")


@pytest.mark.parametrize(("part", "one", "four"), [(0.5, 2, 8), (0.1, 10, 40), (0.2, 5, 20), (0.6, 1, 4), (2, 0, 2)])
def test_a_part_of_a_gpu_is_a_part_of_one(part, one, four):
    fits = Demand(cpus=1, gpus=part, memory=0).fits
    assert [fits({"CPU": 64, "GPU": gpus}) for gpus in (1, 4)] == [one, four]


def test_a_node_without_the_folder_of_runs_says_so(tmp_path):
    setup = RunSetup(Plan((), ()), tmp_path / "nowhere", tmp_path / "cache")
    with pytest.raises(ValueError, match=r"nowhere.*on a file system that they share"):
        Runner(setup, Path.cwd(), 1, 0).start()
