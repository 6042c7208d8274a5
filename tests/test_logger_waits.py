"""Whoever waits for a logger: a checkpoint does not when the cell stops, and no figure counts the time."""

import itertools
import threading
from types import SimpleNamespace

import pytest
from test_train import build, stored

from benchmarks.cell import logging
from benchmarks.cell.observer import CellObserver
from benchmarks.config import Training
from benchmarks.data.scenes import Scenes
from benchmarks.loggers import LOGGERS, Logger
from benchmarks.runtime import progress
from benchmarks.training import trainer as training
from benchmarks.training.checkpoints import Checkpoints, Preempted
from benchmarks.training.observer import NoObserver
from benchmarks.training.trainer import Trainer
from registry import Spec

CELL = SimpleNamespace(id="0123456789ab", experiment="one", request={})


@pytest.fixture
def hanging(monkeypatch):
    """A logger that hangs from the first metric on; what it calls then."""
    end, hangs = threading.Event(), []

    class Hanging(Logger):
        def open(self, run, step):
            pass

        def log(self, step, metrics):
            for call in hangs:
                call()
            end.wait(60)

        def close(self):
            raise AssertionError

    monkeypatch.setitem(LOGGERS._factories, "hanging", Hanging)
    yield hangs
    end.set()


def hung(count, monkeypatch, tmp_path, **seconds):
    """Loggers that have been given something."""
    for name, value in seconds.items():
        monkeypatch.setattr(logging, name, value)
    loggers = logging.Loggers([Spec("hanging")] * count, CELL, tmp_path)
    loggers.open(0)
    loggers.log(1, {})
    return loggers


def trainer(tmp_path, observer):
    data = Scenes(train=24, validation=4, test=4)
    model = build(data).eval()
    settings = Training(epochs=2, decay_epochs=0, batch_size=4, min_count=1)
    images = stored(data, model, tmp_path)
    return Trainer(model, data.train, images, settings, seed=3, validate_fn=lambda _: 0.0, observer=observer)


def test_a_hung_logger_does_not_delay_the_checkpoint_of_a_cell_that_stops(tmp_path, monkeypatch, hanging, capsys):
    monkeypatch.setattr(logging, "_PATIENCE", 5.0)
    monkeypatch.setattr(training, "_LOOK", 2)
    checkpoints = Checkpoints(tmp_path / "states")
    checkpoints.folder.mkdir()
    hanging.append(lambda: checkpoints.request(stop=True))
    observer = CellObserver(CELL, tmp_path, [Spec("hanging"), Spec("csv")])
    with pytest.raises(Preempted):
        trainer(tmp_path, observer).run(checkpoints)
    assert checkpoints.latest()
    assert capsys.readouterr().err == ""  # nobody has waited to the end
    monkeypatch.setattr(logging, "_LEAVE", 0.1)
    observer.close()
    assert "the logger hanging was given up" in capsys.readouterr().err
    (file,) = tmp_path.glob("logs/csv/*/metrics.csv")
    assert "train/loss" in file.read_text()


def test_a_stop_that_comes_while_a_checkpoint_waits_ends_the_wait(tmp_path, monkeypatch, hanging, capsys):
    looks = itertools.count()
    hung(1, monkeypatch, tmp_path, _PATIENCE=60.0, _TICK=0.01).wait(lambda: next(looks) >= 3)
    assert capsys.readouterr().err == ""


def test_hung_loggers_have_one_time_together_and_the_cell_is_alive_meanwhile(tmp_path, monkeypatch, hanging, capsys):
    now, signs = itertools.count(step=0.5), []
    monkeypatch.setattr(logging, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(logging, "alive", signs.append)
    loggers = hung(3, monkeypatch, tmp_path, _PATIENCE=10.0, _TICK=0.0)
    before = next(now)
    loggers.wait()
    assert next(now) - before < 15
    assert capsys.readouterr().err.count("it was not done after 10 s") == 3
    assert len(signs) > 5
    assert set(signs) == {"logging"}


def test_at_the_end_a_hung_logger_is_named_once(tmp_path, monkeypatch, hanging, capsys):
    loggers = hung(1, monkeypatch, tmp_path, _LEAVE=0.1)
    loggers.close()
    loggers.close()
    why = "the logger hanging was given up, and may lack metrics of 0123456789ab: it was not done after 0.1 s"
    assert capsys.readouterr().err == f"caption-zoo: note: {why}\n"


def test_a_wait_is_a_sign_of_life(tmp_path, monkeypatch, hanging):
    signs = []
    monkeypatch.setattr(progress, "_report", signs.append)
    monkeypatch.setattr(progress, "_reported", 0.0)
    hung(1, monkeypatch, tmp_path, _PATIENCE=0.1).wait()
    assert signs == ["logging"]


def test_what_loggers_take_is_no_part_of_training(tmp_path, monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def perf_counter():
        clock.now += 0.001
        return clock.now

    rates = []

    class Slow:
        on_train_begin, on_steps = NoObserver().on_train_begin, NoObserver().on_steps

        def on_epoch_end(self, epoch):
            rates.append(epoch.captions_per_second)

        def on_save(self, stopping):
            assert not stopping()
            clock.now += 1000.0

    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=perf_counter))
    checkpoints = Checkpoints(tmp_path / "states", every=0.0)  # after each step
    checkpoints.folder.mkdir()
    result = trainer(tmp_path, Slow()).run(checkpoints)
    assert result.seconds < 1
    assert min(rates) > 24
