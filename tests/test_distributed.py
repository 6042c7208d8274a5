"""Several processes train as one does, and end each step with the same weights."""

import copy
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from distributed_step import CASES, train
from forking import caption_zoo
from repeatable import repeatable
from sources import PYTHONPATH
from test_step import largest_difference
from torch.distributed import TCPStore

from benchmarks.executors.meeting import FirstIsGone, Meeting
from benchmarks.records.record import records
from benchmarks.runtime.launch import Launch

HERE = Path(__file__).parent
CONFIG = """
name: distributed
dataset: scenes(train=24, validation=4, test=4)
matrix:
  backbone: ["patches(dim=16, patch=8)"]
  attention: [luong]
  decoder: ["lstm(dim=24, dropout=0.0)"]
metrics: [cider]
training: {epochs: 2, decay_epochs: 3, batch_size: 5, captions_per_image: 2, min_count: 1, hflip: false}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The weights that two processes end with, by rank."""
    folder = tmp_path_factory.mktemp("steps")
    port = free_port()
    environments = Launch(local=2, world=2).environments(port)
    host = TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "distributed_step.py", folder],
            env=os.environ | variables | {"PYTHONPATH": os.pathsep.join([PYTHONPATH, str(HERE)])},
        )
        for variables in environments
    ]
    assert [process.wait(300) for process in processes] == [0, 0]
    del host
    return folder


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_with_the_weights_of_one(case, folder):
    one = train(case).objective
    two = copy.deepcopy(one)
    ranks = [torch.load(folder / f"{case.partition('(')[0]}-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0]), "ranks differ"
    two.load_state_dict(ranks[0])
    assert largest_difference(two, one) < 1e-6


def test_statistics_of_a_backbone_that_learns_are_the_same_everywhere(folder):
    ranks = [torch.load(folder / f"resnet-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert any("running_var" in name for name in ranks[0])
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0])


BROKEN = """
import os
from zoo.attention import ATTENTIONS
from zoo.attention.luong import Luong

@ATTENTIONS.register("breaks")
class Breaks(Luong):
    "Fails in the second process."
    def score(self, query, keys):
        if self.training and os.environ.get("RANK") == "1":
            raise ValueError("row 17 is damaged")
        return super().score(query, keys)
"""


def test_the_reason_of_another_process_is_that_of_the_cell(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "breaks.py").write_text(BROKEN)
    words = ("run", "config.yaml", "--plugin", "breaks.py", "--attention", "breaks", "--devices", "2")
    ended = caption_zoo(*words, "--cache", "cache", folder=tmp_path).end()
    assert ended.returncode == 1
    assert "FAILED, ValueError: row 17 is damaged" in ended.stdout


def outcome(folder):
    (record,) = records(folder)
    assert record.done, record.error
    curve = [
        {name: pytest.approx(value, rel=1e-4) for name, value in entry.items()} for entry in repeatable(record.curve)
    ]
    return record, curve


def test_a_cell_on_two_devices_is_the_cell_on_one(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    found = {}
    for devices in (1, 2):
        words = ("--out", f"runs{devices}", "--cache", "cache", "--devices", devices)
        ended = caption_zoo("run", "config.yaml", *words, folder=tmp_path).end()
        assert ended.returncode == 0, ended
        found[devices] = outcome(tmp_path / f"runs{devices}")
    assert found[1][0].id == found[2][0].id
    assert repeatable(found[2][0].curve) == found[1][1]
    assert found[2][0].environment["processes"] == 2
    assert "processes" not in found[1][0].environment
    assert sorted(path.name for path in (tmp_path / "runs2").iterdir() if not path.name.startswith(".")) == [
        found[2][0].id
    ]


def nodes(folder, place, *words):
    """How the same command on each of two nodes ends, which finds its place in the environment."""
    (folder / "config.yaml").write_text(CONFIG)
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = ("run", "config.yaml", "--out", "runs", "--cache", "cache", "--nodes", "2", *words)
    commands = [
        caption_zoo(*command, folder=folder, environment=os.environ | meeting | {place: str(node)}) for node in (0, 1)
    ]
    return [command.end() for command in commands]


def test_commands_on_two_nodes_train_every_cell_together(tmp_path):
    """But what is done."""
    attentions = [word for attention in ("mean", "luong", "cosine") for word in ("--attention", attention)]
    (tmp_path / "config.yaml").write_text(CONFIG)
    words = ("run", "config.yaml", "--out", "runs", "--cache", "cache", *attentions[:2])
    assert caption_zoo(*words, folder=tmp_path).end().returncode == 0
    ended = nodes(tmp_path, "SLURM_NODEID", *attentions)
    assert [each.returncode for each in ended] == [0, 0], ended
    assert ended[1].stdout.count("trained with the first process") == 2
    found = {record.parts["attention"]: record for record in records(tmp_path / "runs")}
    assert all(record.done for record in found.values())
    together = {attention: record.environment.get("processes") for attention, record in found.items()}
    assert together == {"mean": None, "luong": 2, "cosine": 2}


def test_a_node_that_cannot_train_says_so_to_the_first(tmp_path):
    """And the first says so in the record, and does not wait."""
    (tmp_path / "breaks.py").write_text(BROKEN)
    ended = nodes(tmp_path, "NODE_RANK", "--plugin", "breaks.py", "--attention", "breaks")
    assert [each.returncode for each in ended] == [1, 1], ended
    assert "FAILED, RuntimeError: on another node: ValueError: row 17 is damaged" in ended[0].stdout
    assert "FAILED here, ValueError: row 17 is damaged" in ended[1].stdout


def test_who_has_lost_the_first_command_ends():
    launch = Launch(local=1, world=2)
    first = Meeting(launch)
    other = Meeting(Launch(first=1, local=1, world=2, master=("127.0.0.1", first.port)))
    first.announce("a cell")
    told = other.announced()
    assert next(told) == "a cell"
    other.fail("a cell", "no disk")
    assert first.wait_for_failure("a cell") == "RuntimeError: on another node: no disk"
    assert first.failure("another") is None
    assert other.end("a cell") is None
    first.over("a cell")
    end = time.monotonic() + 30
    while not other.end("a cell"):
        assert time.monotonic() < end
    del first
    with pytest.raises(FirstIsGone, match="has ended"):
        next(told)


def test_under_torchrun_each_command_is_one_process(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    environments = Launch(local=2, world=2).environments(free_port())
    commands = [
        caption_zoo("run", "config.yaml", "--cache", "cache", folder=tmp_path, environment=os.environ | variables)
        for variables in environments
    ]
    ended = [command.end() for command in commands]
    assert [each.returncode for each in ended] == [0, 0], ended
    assert outcome(tmp_path / "runs")[0].environment["processes"] == 2
    assert "trained with the first process" in ended[1].stdout


@pytest.mark.parametrize(
    ("environment", "options", "why"),
    [
        ({}, {"devices": 0}, "--devices 0 --nodes 1: both are at least 1"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, {"devices": 2}, "leave out --devices and --nodes"),
        ({"WORLD_SIZE": "2"}, {}, "RANK should be a whole number, and is None"),
        ({"SLURM_NODEID": "1"}, {"nodes": 2}, "need the environment variable MASTER_ADDR"),
        ({"NODE_RANK": "2", "MASTER_ADDR": "a"}, {"nodes": 2}, "nodes are counted from 0"),
        ({"MASTER_ADDR": "a"}, {"nodes": 2}, "SLURM_NODEID should be a whole number"),
        ({"NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "x"}, {"nodes": 2}, "MASTER_PORT should be a whole"),
    ],
)
def test_what_the_environment_lacks_is_named(environment, options, why):
    with pytest.raises(ValueError, match=why):
        Launch.of(**options, environment=environment)


def test_a_world_of_one_in_the_environment_is_no_torchrun(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    launch = Launch.of(2, environment={"WORLD_SIZE": "1", "RANK": "0"})
    assert [each["RANK"] for each in launch.environments()] == ["0", "1"]
    assert Launch.of(environment={"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a"}).environments() == [{}]


def test_ranks_are_counted_over_the_nodes():
    environment = {"NODE_RANK": "1", "MASTER_ADDR": "first", "MASTER_PORT": "1234"}
    launch = Launch.of(2, 3, environment)
    assert [each["RANK"] for each in launch.environments()] == ["2", "3"]
    assert {each["WORLD_SIZE"] for each in launch.environments()} == {"6"}
    assert [each["LOCAL_RANK"] for each in launch.environments()] == ["0", "1"]
    assert {(each["MASTER_ADDR"], each["MASTER_PORT"]) for each in launch.environments()} == {("first", "1234")}
