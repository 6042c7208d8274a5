"""Loggers, each read by its tool's own reader: every step once, whatever was killed; and a broken one harms no cell."""

import csv
import io
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from forking import caption_zoo, until
from repeatable import repeatable

from benchmarks.cell import logging
from benchmarks.records.record import records
from registry import Spec

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "json_lines.py"
CONFIG = """
dataset: scenes(train=60, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16)}
metrics: cider
training: {epochs: EPOCHS, decay_epochs: 0, min_count: 1, batch_size: 1}
decoding: {num_beams: 2, max_length: 8}
"""
WORDS = ("run", "config.yaml", "--out", "out", "--cache", "cache")
BROKEN = """
import os, sys, time
from benchmarks.loggers import LOGGERS, Logger

class Fine(Logger):
    def open(self, run, step): pass
    def log(self, step, metrics): pass
    def close(self): pass

@LOGGERS.register("unopened")
class Unopened(Fine):
    def open(self, run, step): raise OSError(28, "No space left on device")

@LOGGERS.register("unlogged")
class Unlogged(Fine):
    def log(self, step, metrics): sys.exit("a\\nlong story")

@LOGGERS.register("unclosed")
class Unclosed(Fine):
    def close(self): raise ConnectionError("no network\\x1b[2J")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb-cache"))
    (tmp_path / "config.yaml").write_text(CONFIG.replace("EPOCHS", "3"))
    return tmp_path


def read_csv(folder):
    with (folder / "metrics.csv").open(newline="") as opened:
        return [(int(row["step"]), row["name"], float(row["value"])) for row in csv.DictReader(opened)]


def read_json_lines(folder):
    objects = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [(each["step"], name, value) for each in objects for name, value in each.items() if name != "step"]


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return [(each.step, tag, each.value) for tag in reader.Tags()["scalars"] for each in reader.Scalars(tag)]


def read_wandb(folder):
    """Of the file that `wandb sync` sends: LevelDB's log, with a header, of protocol buffers."""
    from wandb.proto.wandb_internal_pb2 import Record

    assert len({file.name for file in folder.glob("wandb/offline-run-*/run-*.wandb")}) == 1
    (file,), found = folder.glob("wandb/latest-run/run-*.wandb"), []
    for record in map(Record.FromString, log_records(file.read_bytes())):
        for item in record.history.item:
            name = item.key or "/".join(item.nested_key)
            if not name.startswith("_"):
                found.append((record.history.step.num, name, json.loads(item.value_json)))
    return found


def log_records(content):
    at, parts = 7, b""
    while at + 7 < len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", content, at + 4)
        parts += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield parts
            parts = b""


READERS = {"csv": read_csv, "json_lines": read_json_lines, "tensorboard": read_tensorboard, "wandb": read_wandb}


def logged(place, name):
    (folder,) = (place / "out" / "logs" / name).iterdir()
    return sorted(READERS[name](folder))


def checkpoints(place):
    return set(place.glob("out/.checkpoints/*/[!.]*.pt"))


def test_each_step_is_there_once_though_the_run_was_killed_and_preempted(place):
    epochs = 8
    (place / "config.yaml").write_text(CONFIG.replace("EPOCHS", str(epochs)))
    loggers = ("--logger", "csv", "--logger", EXAMPLE, "--logger", "tensorboard", "--logger", "wandb(mode='offline')")
    seen = set()
    for number in (signal.SIGKILL, signal.SIGTERM):
        running = caption_zoo(*WORDS, *loggers, folder=place)
        states = until(lambda old=frozenset(seen): checkpoints(place) - old, running)
        until(lambda old=seen | states: checkpoints(place) - old, running)
        seen |= set(place.glob("out/.checkpoints/*/[!.]*.pt"))
        os.kill(running.pid, number)
        running.end()
    ended = caption_zoo(*WORDS, *loggers, folder=place).end()
    assert ended.returncode == 0, ended
    assert "given up" not in ended.stderr, ended.stderr
    (record,) = records(place / "out")
    assert record.environment["resumed"] == 2
    expected = {(60 * epoch + 50, "train/loss") for epoch in range(epochs)}
    expected |= {(60 * entry["epoch"], f"epoch/{name}") for entry in record.curve for name in entry if name != "epoch"}
    expected |= {(60 * epochs, "test/CIDEr")}
    for name in READERS:
        found = logged(place, name)
        steps = [each[:2] for each in found]
        assert len(steps) == len(set(steps)), name
        assert expected <= set(steps), name
        values = {each[:2]: each[2] for each in found}
        assert values[60 * epochs, "test/CIDEr"] == pytest.approx(record.scores["CIDEr"], rel=1e-5)
        for entry in repeatable(record.curve):
            for figure in ("loss", "validation", "learning_rate"):
                assert values[60 * entry["epoch"], f"epoch/{figure}"] == pytest.approx(entry[figure], rel=1e-5), name


def test_a_broken_logger_is_one_line_and_changes_no_result(place):
    (place / "broken.py").write_text(BROKEN)
    ended = caption_zoo(*WORDS, "--logger", "broken.py", folder=place).end()
    assert ended.returncode == 0, ended
    notes = [line for line in ended.stderr.splitlines() if ": epoch " not in line]
    (record,) = records(place / "out")
    assert sorted(notes) == [
        f"caption-zoo: note: the logger {name} was given up, and may lack metrics of {record.id}: {why}"
        for name, why in (
            ("unclosed", "ConnectionError: no network\\x1b[2J"),
            ("unlogged", "SystemExit: a long story"),
            ("unopened", "OSError: [Errno 28] No space left on device"),
        )
    ]
    plain = caption_zoo(*WORDS, "--out", "plain", folder=place).end()
    assert plain.returncode == 0, plain
    (without,) = records(place / "plain")
    assert (without.id, without.scores, without.captions) == (record.id, record.scores, record.captions)
    assert [*repeatable(without.curve)] == [*repeatable(record.curve)]
    assert without.request == record.request
    assert not (place / "plain" / "logs").exists()


def test_a_full_disk_stops_the_logger(tmp_path, monkeypatch, capsys):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    loggers = logging.Loggers([Spec("csv")], SimpleNamespace(id="0123456789ab", experiment="one", request={}), tmp_path)
    loggers.open(0)
    (thread,) = loggers._threads
    thread._logger._file.close()
    monkeypatch.setattr(thread._logger, "_file", Full())
    loggers.log(1, {"train/loss": 2.0})
    loggers.log(2, {"train/loss": 1.0})
    loggers.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("may lack metrics of 0123456789ab: OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize("more", [("--dry-run",), ()])
@pytest.mark.parametrize(
    ("logger", "said"),
    [
        ("tensorbord", "no logger 'tensorbord'. Did you mean 'tensorboard'? Known: csv, tensorboard, wandb."),
        ("empty.py", '--logger empty.py: the file registers no logger: @LOGGERS.register("a_name")'),
        ("wandb(mode='on')", "logger 'wandb': mode='on' should be"),
    ],
)
def test_what_cannot_log_is_named_before_anything_trains(place, logger, said, more):
    (place / "empty.py").touch()
    ended = caption_zoo(*WORDS, "--logger", logger, *more, folder=place).end()
    assert ended.returncode == 2, ended
    assert ended.stderr.startswith(f"caption-zoo: {said}")
    assert ended.stderr.count("\n") == 1
    assert not (place / "out").exists()


def test_a_missing_extra_is_named_before_anything_trains(place):
    """By a real start: what has been imported here has wandb."""
    (place / "lacks").mkdir()
    (place / "lacks" / "wandb.py").write_text('raise ImportError("no wandb here")')
    command = [sys.executable, "-m", "benchmarks.cli.main", *WORDS, "--logger", "wandb"]
    environment = {**os.environ, "PYTHONPATH": f"{place / 'lacks'}:{ROOT}"}
    ended = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended
    assert ended.stderr == ("caption-zoo: wandb cannot be imported: no wandb here. pip install 'caption-zoo[wandb]'\n")
    assert not (place / "out").exists()


def test_a_config_names_loggers_and_no_file(place):
    config = (place / "config.yaml").read_text()

    def dry(execution, *words):
        (place / "config.yaml").write_text(f"{config}execution: {{logger: {execution}}}")
        return caption_zoo(*WORDS, *words, "--dry-run", folder=place).end()

    assert dry("csv").stdout.endswith("1 cells, logged by csv\n")
    both = dry("""["wandb(mode='offline')", csv]""", "--logger", "tensorboard")
    assert both.stdout.endswith("1 cells, logged by wandb(mode='offline'), csv, tensorboard\n")
    for wrong, said in (
        ("mine.py", "config config.yaml: a file belongs on the command line, --logger mine.py"),
        ("[3]", "config config.yaml: execution.logger: 3 is no text"),
        ("[csv, csv]", "--logger csv is there twice"),
    ):
        ended = dry(wrong)
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"caption-zoo: {said}")
