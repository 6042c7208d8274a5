"""The throughput suite, as the harness calls it and as anybody does."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from benchmarks.config import Decoding, Training
from benchmarks.records.record import REQUEST
from benchmarks.runtime.operations import operations
from benchmarks.throughput import measure as suite
from zoo import checkpoint
from zoo.backbones import RANDOM
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.vocabulary import SPECIAL, Vocabulary

STAGES = {"encode", "greedy", "beam", "train"}


@pytest.fixture
def made(tmp_path):
    """A run's folder, as far as it is when the suite is called, and its captioner."""
    torch.manual_seed(0)
    vocabulary = Vocabulary([*SPECIAL, "a", "red", "square"])
    captioner = Captioner.build(Parts.parse("patches(dim=8, trainable=False)", "mean", "lstm(dim=8)"), vocabulary)
    checkpoint.save(captioner.eval(), tmp_path, weights=RANDOM)
    settings = {"training": asdict(Training(batch_size=4)), "decoding": asdict(Decoding(max_length=4))}
    (tmp_path / REQUEST).write_text(json.dumps(settings, default=str))
    return tmp_path, captioner


def test_the_captioner_at_hand_is_timed_and_nothing_is_asked_of_the_machine(made, monkeypatch):
    def forbidden(*_, **__):
        pytest.fail("it was called")

    monkeypatch.setattr(checkpoint, "load", forbidden)
    monkeypatch.setattr("cpuinfo.get_cpu_info", forbidden)
    monkeypatch.setattr("pytest_benchmark.plugin.get_commit_info", forbidden)
    before = made[1].decoder.state_dict()["bias"].clone()
    found = suite.measure(*made, made[1].backbones)
    assert {name.partition("_")[0] for name in found.throughput} == set(found.flops) == STAGES
    assert not torch.equal(made[1].decoder.state_dict()["bias"], before)  # it is this one that learned
    assert {timing["rounds"] for timing in found.timing.values()} == {5}
    pixels = torch.zeros(7, 3, *made[1].backbone.preprocess.size)
    assert found.flops["encode"] == operations(lambda: made[1].encode(pixels)) / 7


def called_by_hand(run, *words):
    """The suite on a run, as anybody calls it."""
    suite_folder = str(Path(suite.__file__).parent)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", suite_folder, "--run", str(run), *words]
    return subprocess.run(command, env=ours, capture_output=True, text=True, check=False)


def test_anybody_may_call_it_on_a_folder(made):
    report = made[0] / "benchmark.json"
    done = called_by_hand(made[0], "--benchmark-json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert len(told["benchmarks"]) == 4
    assert told["machine_info"] == told["commit_info"] == {}


def test_a_run_of_an_objective_that_is_not_here_is_timed_but_for_training(made):
    training = Training(batch_size=4, objective="of_a_plugin(teacher='strict')")
    settings = {"training": asdict(training), "decoding": asdict(Decoding(max_length=4))}
    (made[0] / REQUEST).write_text(json.dumps(settings, default=str))
    done = called_by_hand(made[0], "-k", "decode or train")
    assert "2 passed, 1 deselected, 1 error" in done.stdout, done.stdout + done.stderr
    assert "of_a_plugin" in done.stdout.split("ERROR at setup of test_train")[1]
