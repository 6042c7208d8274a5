"""Training that was cut off goes on as if it never had been: bit for bit, after any step, for any part."""

import os
import signal
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from forking import caption_zoo
from repeatable import repeatable
from test_train import build, stored

from benchmarks.cell.checkpoints import cell_checkpoints
from benchmarks.config import Training
from benchmarks.data.scenes import Scenes
from benchmarks.records.record import records
from benchmarks.training.checkpoints import Checkpoints, Preempted
from benchmarks.training.trainer import Trainer
from registry import Spec

SETTINGS = {"epochs": 3, "decay_epochs": 4, "batch_size": 8, "captions_per_image": 2, "warmup_steps": 3, "min_count": 1}
STEPS = 9  # of 24 images in batches of 8, three times


@pytest.fixture(scope="module")
def data():
    return Scenes(train=24, validation=4, test=4)


class Cut(Checkpoints):
    """Asks for a stop after so many steps."""

    def __init__(self, folder, after):
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.left = after

    def due(self):
        self.left -= 1
        if self.left == 0:
            self.request(stop=True)
        return super().due()


def trainer(data, tmp_path, settings, **parts):
    model = build(data, **parts).eval()
    return Trainer(
        model,
        data.train,
        stored(data, model, tmp_path),
        Training(**SETTINGS | settings),
        seed=3,
        validate_fn=lambda model: float(model.decoder.bias.sum().detach()),
    )


def outcome(finished, result):
    weights = {name: tensor.clone() for name, tensor in finished.captioner.state_dict().items()}
    return weights, repeatable(result.curve), result.best_epoch


def same(one, other):
    assert one[1:] == other[1:]
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])


@pytest.mark.parametrize("after", range(1, STEPS + 1))
def test_cut_after_any_step_it_ends_with_the_same_weights(data, tmp_path, after):
    parts = {"decoder": "lstm(dim=48, dropout=0.3)"}
    whole = trainer(data, tmp_path, {"bucket_batches": 2}, **parts)
    expected = outcome(whole, whole.run())
    first = trainer(data, tmp_path, {"bucket_batches": 2}, **parts)
    with pytest.raises(Preempted):
        first.run(Cut(tmp_path / "states", after))
    again = trainer(data, tmp_path, {"bucket_batches": 2}, **parts)
    result = again.run(Checkpoints(tmp_path / "states"))
    assert result.resumed == 1
    same(outcome(again, result), expected)


@pytest.mark.parametrize(
    "parts",
    [
        {"attention": "hard", "decoder": "gru(dim=32, dropout=0.2)"},
        {"attention": "multihead(num_heads=2)", "decoder": "transformer(dim=32, num_layers=2, dropout=0.2)"},
        {"backbone": "timm/test_resnet(pretrained=False, trainable=1)"},
        {"backbone": "timm/test_resnet(pretrained=False, trainable=True)"},
        {"decoder": "lstm(dim=32, doubly_stochastic=1.0)"},
        {"objective": "self_critical(samples=2)", "decoder": "gru(dim=32, dropout=0.2)"},
        {"objective": "self_critical(samples=2, baseline='greedy')", "decoder": "transformer(dim=32, dropout=0.2)"},
        {"objective": "cross_entropy(scheduled_sampling=0.5, word_dropout=0.2)"},
    ],
)
def test_cut_again_and_again_it_ends_with_the_same_weights(data, tmp_path, parts):
    settings = {"objective": Spec.parse(parts.pop("objective", "cross_entropy")), "max_words": 8}
    whole = trainer(data, tmp_path, settings, **parts)
    expected = outcome(whole, whole.run())
    for times in range(1, 5):
        part = trainer(data, tmp_path, settings, **parts)
        with pytest.raises(Preempted):
            part.run(Cut(tmp_path / "states", 2))
        assert len(list((tmp_path / "states").iterdir())) <= 2
        assert part.resumed == times - 1
    last = trainer(data, tmp_path, settings, **parts)
    result = last.run(Checkpoints(tmp_path / "states"))
    assert result.resumed == 4
    same(outcome(last, result), expected)


def test_a_torn_state_gives_way_to_the_one_before(data, tmp_path):
    whole = trainer(data, tmp_path, {})
    expected = outcome(whole, whole.run())
    for after in (2, 3):
        with pytest.raises(Preempted):
            trainer(data, tmp_path, {}).run(Cut(tmp_path / "states", after))
    files = sorted((tmp_path / "states").iterdir())
    files[-1].write_bytes(files[-1].read_bytes()[:1000])
    last = trainer(data, tmp_path, {})
    same(outcome(last, last.run(Checkpoints(tmp_path / "states"))), expected)


def test_a_state_of_another_model_is_refused_with_its_place(data, tmp_path):
    with pytest.raises(Preempted):
        trainer(data, tmp_path, {}).run(Cut(tmp_path / "states", 1))
    other = trainer(data, tmp_path, {}, decoder="lstm(dim=16)")
    with pytest.raises(ValueError, match=r"the checkpoint in .*states does not fit: remove it"):
        other.run(Checkpoints(tmp_path / "states"))


def test_a_state_runs_no_code(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "states").mkdir()
    torch.save({"weights": Harm()}, tmp_path / "states" / "00000001.pt")
    assert Checkpoints(tmp_path / "states").latest() is None
    assert not (tmp_path / "ran").exists()


def test_a_state_of_other_versions_is_not_gone_on_with(tmp_path, capsys):
    Checkpoints(tmp_path, made_with="torch 1").save({"a": 1})
    assert Checkpoints(tmp_path, made_with="torch 1").latest()["a"] == 1
    assert Checkpoints(tmp_path, made_with="torch 2").latest() is None
    assert "made with other versions" in capsys.readouterr().out


def test_a_full_disk_is_said_and_training_goes_on(tmp_path, capsys, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    checkpoints.save({"a": 2})
    assert "no checkpoint could be saved: [Errno 28] No space left" in capsys.readouterr().out
    assert checkpoints.latest()["a"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_time_between_two_is_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, every=0.05)
    assert not checkpoints.due()
    time.sleep(0.06)
    assert checkpoints.due()
    checkpoints.save({})
    assert not checkpoints.due()
    checkpoints.request(stop=False)
    assert checkpoints.due()
    checkpoints.save({})  # and goes on


@pytest.fixture
def cell():
    class Cell:
        id = "0123456789ab"

    return Cell


@pytest.mark.parametrize(("number", "stops"), [(signal.SIGTERM, True), (signal.SIGUSR1, False)])
def test_signals_ask_for_a_state(cell, tmp_path, number, stops):
    def train():
        with cell_checkpoints(cell, tmp_path) as checkpoints, checkpoints.used():
            os.kill(os.getpid(), number)
            assert checkpoints.due()
            checkpoints.save({"a": 1})

    with pytest.raises(Preempted) if stops else nullcontext():
        train()
    with cell_checkpoints(cell, tmp_path) as checkpoints:
        assert checkpoints.latest()["a"] == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_before_and_after_training_a_stop_is_at_once(cell, tmp_path):
    def stop():
        with cell_checkpoints(cell, tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(Preempted):
        stop()


def test_a_request_that_comes_while_a_state_is_written_is_seen(tmp_path, monkeypatch):
    checkpoints, write = Checkpoints(tmp_path), torch.save

    def interrupted(*given):
        write(*given)
        checkpoints.request(stop=True)

    monkeypatch.setattr(torch, "save", interrupted)
    checkpoints.save({"a": 1})
    assert checkpoints.due()
    assert checkpoints.stop


CONFIG = """
dataset: scenes(train=120, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: bahdanau(hidden_dim=16), decoder: "lstm(dim=32, dropout=0.2)"}
metrics: cider
training: {epochs: 16, decay_epochs: 16, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""


def descendants(process):
    """The numbers of all that it has started, and so on."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


@pytest.mark.parametrize("devices", [1, 2])
def test_a_run_that_a_scheduler_ends_resumes_in_its_cell(tmp_path, devices):
    (tmp_path / "config.yaml").write_text(CONFIG)

    def start(out):
        words = ("run", "config.yaml", "--out", out, "--cache", "cache", "--devices", devices)
        return caption_zoo(*words, folder=tmp_path)

    assert start("whole").end().returncode == 0
    process = start("cut")
    end = time.monotonic() + 120
    while len(list(tmp_path.glob("cut/.checkpoints/*/*.pt"))) < 2:
        assert time.monotonic() < end
        assert process.runs()
        time.sleep(0.01)
    everybody = [process.pid, *descendants(process.pid)]
    assert len(everybody) >= 3  # the command, its server, the cell
    for number in (signal.SIGUSR1, signal.SIGTERM):  # as a scheduler does it
        for each in everybody:
            os.kill(each, number)
    cut = process.end(60)
    assert (cut.returncode, cut.stdout) == (143, ""), cut
    assert cut.stderr.splitlines()[-1] == "caption-zoo: stopped; run the same command again to resume"
    assert list(records(tmp_path / "cut")) == []
    ended = start("cut").end()
    assert ended.returncode == 0, ended
    (whole,), (resumed,) = (list(records(tmp_path / out)) for out in ("whole", "cut"))
    assert resumed.environment["resumed"] == 1, (cut, ended)
    assert "resumed" not in whole.environment
    assert resumed.seconds["train"] > 0
    assert repeatable(resumed.curve) == repeatable(whole.curve)
    for name in ("id", "best_epoch", "captions", "scores", "files"):
        assert getattr(resumed, name) == getattr(whole, name), name
    assert not list((tmp_path / "cut" / ".checkpoints").iterdir())
    assert not list((tmp_path / "cut" / ".partial").iterdir())
