"""Loggers that go on with a run, where that is hard: rows cut off anywhere, and a server that drops what is late."""

import csv
from types import SimpleNamespace

import pytest

from benchmarks.loggers import LoggedRun, wandb
from benchmarks.loggers.csv import Csv

NAMES = ("test/CIDEr", "train/\u00fcber", "next\x85line", 'two\nlines, "quoted"')


@pytest.fixture
def run(tmp_path):
    return LoggedRun("0123456789ab", "a name", "one", {}, tmp_path / "logs")


def logged(logger, run, step, *entries):
    logger.open(run, step)
    for entry in entries:
        logger.log(*entry)
    logger.close()


def test_a_table_resumes_wherever_its_last_row_was_cut_off(run):
    file, metrics = run.folder / "metrics.csv", dict.fromkeys(NAMES, 0.25)
    logged(Csv(), run, 0, (1, metrics))
    first = file.read_bytes()
    logged(Csv(), run, 1, (2, metrics))
    whole = file.read_bytes()
    assert whole.startswith(first)
    for end in range(len(first), len(whole)):
        file.write_bytes(whole[:end])
        logged(Csv(), run, 1)
        assert file.read_bytes() == first
        file.write_bytes(whole[:end])
        logged(Csv(), run, 2)  # a checkpoint may be saved before the rows of its step when the cell is preempted
        kept = file.read_bytes()
        assert whole.startswith(kept)
        assert end - len(kept) < 40
    with file.open(newline="", encoding="utf-8") as opened:
        assert [row[1] for row in list(csv.reader(opened))[1:5]] == list(NAMES)


class Server:
    """What `wandb.init` gives, online: a row is sent when the next one begins; what comes for a row that was is lost."""

    Settings = SimpleNamespace

    def __init__(self):
        self.rows, self.summary = {}, {}

    def init(self, **_):
        self.step, self.row = max(self.rows, default=-1) + 1, {}
        return self

    def log(self, metrics, step):
        if step > self.step:
            self.flush()
            self.step = step
        if step == self.step:
            self.row.update(metrics)
            self.summary.update(metrics)

    def flush(self):
        if self.row:
            self.rows[self.step], self.row = self.row, {}

    def finish(self):
        self.flush()


def test_scores_reach_a_server_that_has_the_last_step(run, monkeypatch):
    server = Server()
    monkeypatch.setattr(wandb, "extra", lambda _: server)
    steps, epoch = [(50, {"train/loss": 2.0})], (60, {"epoch/validation": 0.5})
    logged(wandb.Wandb(), run, 0, *steps, epoch)  # preempted when it made captions
    trained = {50: {"train/loss": 2.0}, 60: {"epoch/validation": 0.5}}
    assert server.rows == trained
    logged(wandb.Wandb(), run, 59, epoch, (60, {"test/CIDEr": 0.75}))  # failed when it was timed
    logged(wandb.Wandb(), run, 59, epoch, (60, {"test/CIDEr": 0.75}))
    assert server.rows == {**trained, 61: {"test/CIDEr": 0.75}}
    assert server.summary["test/CIDEr"] == 0.75
