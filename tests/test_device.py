"""What would fail or wait on a GPU, found on a pretended device: see `pretended_device` and `device_check`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.registries import ATTENTIONS, DECODERS

ROOT = Path(__file__).parents[1]
SEARCH_WAIT = "zoo/generate/strategies.py", "counts: list[int] = count.tolist()"  # one a step: what is unfinished
REWARD_WAIT = "benchmarks/training/objectives/self_critical.py", ".cpu()"  # the reward is computed by the processor
PLANTED = {
    "mixes_devices": ("MixedDevices", "return query @ keys.mT + torch.arange(keys.shape[1])"),
    "copies": ("copy", "return query @ keys.mT * torch.tensor([0.5], device=keys.device)"),
    "waits": ("wait", "return query @ keys.mT / query.detach().abs().max().item()"),
    "waits_in_backward": ("wait", "return scores[scores.isfinite()].view_as(scores)"),
}


@pytest.fixture(scope="module")
def report():
    """What `device_check` prints; registering a device cannot be undone, so it has a process of its own."""
    program = [sys.executable, "tests/device_check.py"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def phases(report):
    """Every phase of every pair that fits, under its name; without those with a planted mistake."""
    return {
        f"{pair}, {phase}": noted
        for pair, found in report.items()
        if found is not None and pair.partition(" + ")[0] not in PLANTED
        for phase, noted in found.items()
    }


def events(noted, kind):
    """The lines of one kind of event, each with its count."""
    return {line: count for found, _, line, count in noted["events"] if found == kind}


def is_at(line, place):
    file, text = place
    return line.startswith(f"{file}:") and text in line


def test_every_part_that_is_registered_takes_part(report):
    took = {pair: found is not None for pair, found in report.items()}
    for part in (*ATTENTIONS, *DECODERS):
        if (ATTENTIONS if part in ATTENTIONS else DECODERS).origin(part) == "caption-zoo":
            assert any(fits for pair, fits in took.items() if part in pair.split(" + ")), part


def test_no_operation_fails_or_mixes_devices(report):
    assert {name: noted["error"] for name, noted in phases(report).items() if noted["error"]} == {}


def test_no_copy_blocks(report):
    found = {name: events(noted, "copy") for name, noted in phases(report).items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_search_waits_once_a_step(report):
    searches = {name: noted for name, noted in phases(report).items() if "steps" in noted}
    assert len(searches) > 150
    for name, noted in searches.items():
        waits = events(noted, "wait")
        assert [line for line in waits if not is_at(line, SEARCH_WAIT)] == [], name
        assert sum(waits.values()) == noted["steps"] > 0, name


def test_training_waits_for_nothing_but_searches_and_rewards(report):
    for name, noted in phases(report).items():
        if "steps" not in noted:
            allowed = [SEARCH_WAIT, REWARD_WAIT] if name.endswith("self-critical training") else []
            waits = events(noted, "wait")
            assert [line for line in waits if not any(is_at(line, place) for place in allowed)] == [], name


def test_captions_are_those_of_the_processor(report):
    compared = {name: noted["same"] for name, noted in phases(report).items() if "same" in noted}
    assert len(compared) > 120
    assert [name for name, same in compared.items() if not same] == []


def test_searches_drop_images_that_are_done(report):
    copies = [line for noted in phases(report).values() for line in events(noted, "non_blocking")]
    assert any(is_at(line, ("zoo/generate/beams.py", "torch.tensor(unfinished.images)")) for line in copies)


def test_autocast_casts_on_the_device(report):
    for pair, found in report.items():
        if found is not None and not found["float32 training"]["error"]:
            assert found["bfloat16 training"]["kernels"] > found["float32 training"]["kernels"], pair


@pytest.mark.parametrize("attention", PLANTED)
def test_what_is_planted_is_caught_with_its_line(report, attention):
    kind, text = PLANTED[attention]
    for phase, noted in report[f"{attention} + lstm"].items():
        error, _, line = (noted["error"] or "").partition(": ")
        lines = [line] if error == kind else events(noted, kind)
        assert any(is_at(line, ("tests/device_check.py", text)) for line in lines), phase


def test_a_wait_in_backward_names_the_line_of_forward(report):
    noted = report["waits_in_backward + lstm"]["float32 training"]
    ops = {op for _, op, line, _ in noted["events"] if is_at(line, ("tests/device_check.py", "scores.isfinite()"))}
    assert ops == {"aten.index.Tensor", "aten.index_put.default"}
