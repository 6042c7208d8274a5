"""Cells on a cluster of Ray, two nodes of which are on this machine: whatever is killed, each has one record."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from forking import caption_zoo, until
from sources import PYTHONPATH

from benchmarks.executors import ray as ray_executor
from benchmarks.executors import ray_actors
from benchmarks.executors.allotment import require_one_node
from benchmarks.executors.limits import Retries
from benchmarks.executors.ray_cluster import Demand, connect
from benchmarks.executors.ray_runner import Place, Runner
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.plan.matrix import Plan
from benchmarks.records.record import records
from benchmarks.runtime.extras import extra
from benchmarks.runtime.launch import Launch
from benchmarks.runtime.revision import differ, revision
from zoo.owner import Owner

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'caption-zoo[ray]'")

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
        patch.setenv("PYTHONPATH", PYTHONPATH)
        from ray.cluster_utils import Cluster

        handler = signal.getsignal(signal.SIGTERM)
        head = {"num_cpus": 1, "include_dashboard": False, "_system_config": {"health_check_period_ms": 500}}
        started = Cluster(initialize_head=True, head_node_args=head)
        signal.signal(signal.SIGTERM, handler)  # Ray has put in one of its own
        yield started
        started.shutdown()


@pytest.fixture
def place(tmp_path):
    for name in ("benchmarks", "registry", "zoo"):  # Ray puts the working folder into its workers' path
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()

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
    out = place / "out"
    return [
        *out.glob(".shared*"),
        *(path for name in (".leases", ".partial", ".checkpoints") for path in (out / name).iterdir()),
    ]


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
    assert all(": epoch " in line for line in ended.stderr.splitlines()), ended
    assert {line.partition(" ")[0] for line in ended.stderr.splitlines()} == {
        path.parent.name for path in (folder / "out").glob("*/record.json")
    }
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
        (runner,) = until(lambda: holders(folder), running)
        seen.update(states())  # with one that a cell wrote while its worker was being killed
        until(states, running)
        os.kill(running.pid if number else runner.pid, number or signal.SIGKILL)
        assert not number or running.end().returncode == (143 if number == signal.SIGTERM else -number)
        until(lambda: runner.gone)

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
    words = ("run", "config.yaml", "--out", "out", "--cache", "cache", "--executor", "ray(gpus=64)")
    ended = caption_zoo(*words, folder=place([0], 1)).end()
    assert ended.returncode == 2
    assert ended.stderr.startswith("caption-zoo: no node of the Ray cluster has 1 cores, 64 GPUs")
    assert ended.stderr.count("\n") == 1


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'caption-zoo\[ray\]'"):
        extra("ray")


def test_an_address_without_a_cluster_is_named():
    with pytest.raises(ValueError, match=r"there is no Ray cluster at 127\.0\.0\.1:1: .* an address is host:port"):
        connect("127.0.0.1:1")


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


@pytest.mark.parametrize(
    ("out", "other", "fault"),
    [
        ("nowhere", {}, r"nowhere.*on a file system that they share"),
        (".", {"mark": "mark of another folder"}, r"another folder.*on a file system that they share"),
        (".", {"revision": ("0.0.1", "abc")}, r"and where the command runs 0\.0\.1, commit abc: install the same"),
    ],
)
def test_a_node_where_no_cell_can_run_says_so(tmp_path, monkeypatch, out, other, fault):
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "A"))
    (tmp_path / "mark").touch()
    setup = RunSetup(Plan((), ()), tmp_path / out, tmp_path / "cache")
    given = {"mark": "mark", "revision": revision()} | other
    place = Runner(setup, tmp_path / given["mark"], given["revision"], Path.cwd(), 1, 0).start()
    assert place.node == "A"
    assert re.search(fault, place.fault)


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (("0.1", "a"), ("0.1", "a+"), False),
        (("0.1", None), ("0.1", "a"), False),
        (("0.1", "a"), ("0.1", "b"), True),
        (("0.1", None), ("0.2", None), True),
    ],
)
def test_revisions_differ_where_it_is_known(one, other, differs):
    assert differ(one, other) == differ(other, one) == differs


class FakeRay:
    """Ray as the executor sees it. `answer`, a function of an actor's number and a method, says what that gives."""

    exceptions = ray.exceptions

    def __init__(self, answer, *nodes):
        self.answer, self.calls, self.selectors = answer, [], []
        self.there = {node: {"CPU": 1} for node in nodes}
        self.actors, self.pending = 0, set()

    def __getattr__(self, name):
        """What need not do anything."""
        return lambda *_, **__: {}

    def nodes(self):
        return [{"NodeID": name, "Alive": True, "Resources": has} for name, has in self.there.items()]

    def remote(self, **_):
        return lambda _: self

    def options(self, label_selector):
        self.selectors.append(label_selector)
        return SimpleNamespace(remote=self._actor)

    def _actor(self, *_):
        number, self.actors = self.actors, self.actors + 1

        def method(name):
            return SimpleNamespace(
                remote=lambda *_: self.calls.append((number, name)) or (number, name, len(self.calls))
            )

        names = ("start", "run", "give_up", "stop", "close")
        return type("Actor", (), {name: method(name) for name in names})()

    def wait(self, answers, **_):
        return [each for each in answers if each[0] not in self.pending], []

    def get(self, answer):
        found = self.answer(*answer[:2])
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def executor(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_executor, "_TICK", 0.001)

    def build(fake, *, retries=0, **options):
        monkeypatch.setattr(ray_executor, "connect", lambda _: fake)
        setup = RunSetup(Plan((), ()), tmp_path, tmp_path, retries=Retries(retries))
        return ray_executor.Ray(SimpleNamespace(stopping=False), setup, gpus=0, **options)

    return build


def tasks(*names):
    return [Task(SimpleNamespace(id=name), None) for name in names]


def test_a_cell_to_be_given_up_does_not_run_again(executor):
    """Though it cannot be recorded at once, since the lease of its lost worker is not old enough."""
    given_up = iter([None, None, "failed"])

    def answer(number, method):
        if method == "start":
            return Place("host", "A")
        return ray.exceptions.ActorDiedError() if method == "run" else next(given_up)

    fake = FakeRay(answer, "A")
    with executor(fake) as each:
        assert [record for _, record in each.each(tasks("cell"))] == ["failed"]
    assert [name for _, name in fake.calls] == ["start", "run", "start", "give_up", "give_up", "give_up", "close"]


def test_a_node_that_is_unfit_is_left_out_until_none_is_fit(executor, capsys):
    faults = {0: "no folder"}

    def answer(number, method):
        name = "A" if number == 0 else "B"
        return Place(f"host{name}", name, faults.get(number)) if method == "start" else "done"

    fake = FakeRay(answer, "A", "B")
    with executor(fake, workers=1) as each:
        assert len(list(each.each(tasks("one", "two")))) == 2
    assert capsys.readouterr().err == "caption-zoo: note: no cell runs on hostA: no folder\n"
    assert fake.selectors == [{}, {"ray.io/node-id": "!in(A)"}]
    faults[1] = "another version"
    with (
        executor(FakeRay(answer, "A", "B"), workers=1) as each,
        pytest.raises(ValueError, match="hostB: another version"),
    ):
        list(each.each(tasks("one")))


def test_who_cannot_be_started_stops_nobody_who_runs(executor, capsys):
    def answer(number, method):
        if method != "start":
            return "done"
        return Place("host", "A") if number == 0 else Fails("Traceback:\nno such module")

    class Fails(ray.exceptions.RayError):
        actor_init_failed = True

    with executor(FakeRay(answer, "A", "B", "C")) as each:
        assert len(list(each.each(tasks("one", "two", "three")))) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("no worker can be started on the Ray cluster: no such module; the others go on")
    with (
        executor(FakeRay(lambda *_: Fails("no such module"), "A", "B")) as each,
        pytest.raises(ValueError, match="no worker can be started on the Ray cluster: no such module"),
    ):
        list(each.each(tasks("one", "two")))


def test_actors_that_get_no_place_are_told_of_once_and_new_nodes_are_used(executor, capsys, monkeypatch):
    monkeypatch.setattr(ray_actors, "_PATIENCE", 0)

    def answer(number, method):
        return Place("host", "AB"[number]) if method == "start" else "done"

    class Growing(FakeRay):
        def wait(self, answers, **options):
            found = super().wait(answers, **options)
            if not found[0]:
                self.there["B"] = {"CPU": 1}
            return found

    fake = Growing(answer, "A")
    fake.pending.add(0)
    with executor(fake) as each:
        assert len(list(each.each(tasks("one", "two")))) == 2
    assert fake.actors == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "caption-zoo: note: 1 workers have not started in 0 s: each needs 1 cores, 0 GPUs on one node"
    )


def test_what_no_node_has_is_waited_for_where_a_cluster_may_grow(executor, capsys):
    with pytest.raises(ValueError, match=r"no node of the Ray cluster has 8 cores, 0 GPUs, as .* nodes with 1 cores"):
        executor(FakeRay(None, "A"), cpus=8, workers=2)
    executor(FakeRay(None, "A"), cpus=8, workers=2, address="auto")
    assert "note: no node of the Ray cluster has 8 cores" in capsys.readouterr().err
