"""What a run shows while it trains: a line for each epoch, whoever runs the cell; events, none of them twice."""

import os
import re
import sys

import fake_slurm
import pytest
from forking import caption_zoo
from repeatable import repeatable
from test_train import build, stored

from benchmarks.config import Training
from benchmarks.data.scenes import Scenes
from benchmarks.executors.lines import Lines
from benchmarks.records.record import records
from benchmarks.runtime import progress
from benchmarks.training import trainer as training
from benchmarks.training.checkpoints import Checkpoints, Preempted
from benchmarks.training.trainer import Trainer

CONFIG = """
dataset: scenes(train=12, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16), seeds: [0, 1]}
metrics: cider
training: {epochs: 3, decay_epochs: 0, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
LINE = re.compile(
    r"([0-9a-f]{12})  patches\(dim=16\) \+ mean \+ lstm\(dim=16\), seed [01]: epoch ([123])/3, "
    r"loss (\d\.\d{3}), validation (\d\.\d{3}), [\d,]+ captions/s, \d\d:\d\d left"
)


@pytest.mark.parametrize("executor", ["local", "local(workers=2)", "slurm(interval=.1)"])
def test_each_epoch_of_each_cell_has_a_line(tmp_path, monkeypatch, executor):
    if executor.startswith("slurm"):
        pytest.importorskip("submitit", reason="submitit is not installed: pip install 'caption-zoo[slurm]'")
        for name, value in fake_slurm.install(tmp_path / "slurm").items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "config.yaml").write_text(CONFIG)
    words = ("run", "config.yaml", "--out", "out", "--cache", "cache", "--executor", executor)
    ended = caption_zoo(*words, folder=tmp_path).end()
    assert ended.returncode == 0, ended
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("caption-zoo: note: submitted")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), ended
    made = list(records(tmp_path / "out"))
    assert len(made) == 2
    for record in made:
        entries = [
            (str(entry["epoch"]), f"{entry['loss']:.3f}", f"{entry['validation']:.3f}") for entry in record.curve
        ]
        assert [line.groups()[1:] for line in found if line[1] == record.id] == entries


def test_a_terminal_has_bars_and_no_lines(monkeypatch):
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        progress.line("epoch 1")
        progress.write("a note", sys.stderr)
    assert os.read(ours, 100) == b"a note\r\n"
    os.close(ours)


def test_lines_are_printed_once_and_whole(tmp_path, capsys):
    lines, file = Lines(), tmp_path / "one.lines"
    for text, printed in (("epo", ""), ("ch 1\nepoch", "epoch 1\n"), (" 2\x1b[2J\n", "epoch 2\\x1b[2J\n"), ("", "")):
        with file.open("a") as opened:
            opened.write(text)
        lines.forward([file, tmp_path / "other.lines"])
        assert capsys.readouterr().err == printed


def test_of_files_that_were_there_only_new_lines_are_printed(tmp_path, capsys):
    (tmp_path / "old.lines").write_text("epoch 1\n")
    lines = Lines(tmp_path.glob("*.lines"))
    for name in ("old", "new"):
        with (tmp_path / f"{name}.lines").open("a") as opened:
            opened.write(f"{name} epoch 2\n")
    lines.forward([tmp_path / "old.lines", tmp_path / "new.lines"])
    assert capsys.readouterr().err == "old epoch 2\nnew epoch 2\n"


class Events:
    """Keeps what a logger would: after a resumption no more than up to that step."""

    def __init__(self):
        self.kept, self.begun = [], []

    def on_train_begin(self, step):
        self.begun.append(step)
        self.kept = [event for event in self.kept if event[0] <= step]

    def on_steps(self, step, metrics):
        self.kept.append((step, dict(metrics)))

    def on_epoch_end(self, epoch):
        assert epoch.seconds_left >= 0
        assert epoch.captions_per_second > 0
        (entry,) = repeatable([epoch.entry])
        self.kept.append((epoch.step, entry))

    def on_save(self, stopping):
        pass


class Cut(Checkpoints):
    """Asks for a stop after so many steps, and has a state as long before that."""

    def __init__(self, folder, after, late):
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.left, self.late = after, late

    def due(self):
        self.left -= 1
        if self.left == 0 and not self.late:
            self.request(stop=True)
        if self.left == -self.late and self.late:
            raise Preempted  # killed: what came after the state comes again
        return super().due() or self.left == 0


@pytest.fixture(scope="module")
def data():
    return Scenes(train=24, validation=4, test=4)


def trained(data, tmp_path, observer, checkpoints=None):
    model = build(data).eval()
    settings = Training(epochs=3, decay_epochs=0, batch_size=4, min_count=1)
    made = Trainer(
        model,
        data.train,
        stored(data, model, tmp_path),
        settings,
        seed=3,
        validate_fn=lambda model: float(model.decoder.bias.sum().detach()),
        observer=observer,
    )
    return made.run(checkpoints)


@pytest.mark.parametrize(
    ("after", "late"), [(1, 0), (2, 0), (5, 1), (5, 3), (6, 0), (6, 1), (7, 3), (12, 0), (12, 3), (18, 0)]
)
def test_resumed_after_any_step_no_event_is_lost_or_doubled(data, tmp_path, monkeypatch, after, late):
    monkeypatch.setattr(training, "_LOOK", 2)
    whole, cut = Events(), Events()
    trained(data, tmp_path, whole)
    with pytest.raises(Preempted):
        trained(data, tmp_path, cut, Cut(tmp_path / "states", after, late))
    trained(data, tmp_path, cut, Checkpoints(tmp_path / "states"))
    assert cut.kept == whole.kept
    assert [step for step, _ in whole.kept] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert cut.begun[1] <= after
    assert {"loss", "grad_norm", "learning_rate"} == whole.kept[0][1].keys()
    assert "validation" in whole.kept[2][1]
