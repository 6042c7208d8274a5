"""Several processes train as one does, and end each step with the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distributed_step import CASES, train
from forking import caption_zoo
from repeatable import repeatable
from test_step import largest_difference

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
    environments = Launch(local=2, world=2).environments()
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "distributed_step.py", folder],
            env=os.environ | variables | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])},
        )
        for variables in environments
    ]
    assert [process.wait(300) for process in processes] == [0, 0]
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_with_the_weights_of_one(case, folder):
    one = train(case).objective
    ranks = [torch.load(folder / f"{case.partition('(')[0]}-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0]), "ranks differ"
    two = train(case).objective
    two.load_state_dict(ranks[0])
    assert largest_difference(two, one) < 1e-6


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


def test_commands_on_two_nodes_train_one_cell(tmp_path):
    """As schedulers start them: the same command on each, which finds its place in the environment."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    port = Launch(local=2, world=2).environments()[0]["MASTER_PORT"]
    words = ("run", "config.yaml", "--out", "runs", "--cache", "cache", "--nodes", "2")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for place in ("NODE_RANK", "SLURM_NODEID"):
        commands = [
            caption_zoo(*words, folder=tmp_path, environment=os.environ | meeting | {place: str(node)})
            for node in range(2)
        ]
        ended = [command.end() for command in commands]
        assert [each.returncode for each in ended] == [0, 0], ended
        assert outcome(tmp_path / "runs")[0].environment["processes"] == 2
    assert "0 of" not in ended[0].stdout


def test_under_torchrun_each_command_is_one_process(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    environments = Launch(local=2, world=2).environments()
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


def test_ranks_are_counted_over_the_nodes():
    environment = {"NODE_RANK": "1", "MASTER_ADDR": "first", "MASTER_PORT": "1234"}
    launch = Launch.of(2, 3, environment)
    assert [each["RANK"] for each in launch.environments()] == ["2", "3"]
    assert {each["WORLD_SIZE"] for each in launch.environments()} == {"6"}
    assert [each["LOCAL_RANK"] for each in launch.environments()] == ["0", "1"]
    assert {(each["MASTER_ADDR"], each["MASTER_PORT"]) for each in launch.environments()} == {("first", "1234")}
