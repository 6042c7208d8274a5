"""The process that runs cells: it starts before it is asked, and ends when nobody needs it."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.cli.main import main
from benchmarks.executors import local
from benchmarks.executors.local import Local


def echo(connection, out, cache, plugins):
    """Says where it runs, or ends as the cell asks."""
    (out / "started").write_text(str(os.getpid()))
    while True:
        try:
            cell = connection.recv()
        except EOFError:
            (out / "ended").touch()
            return
        if cell == "die":
            os._exit(9)
        connection.send((cell, os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())))


@pytest.fixture
def executor(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "serve", echo)
    return lambda: Local(tmp_path, tmp_path, ())


def wait_for(file):
    end = time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(file.read_text())


def test_it_starts_before_there_is_a_cell_and_nobody_waits_for_it_without_one(executor, tmp_path):
    with executor():
        process = wait_for(tmp_path / "started")
    assert not Path(f"/proc/{process}").exists()
    assert not (tmp_path / "ended").exists()


def test_one_process_for_all_cells_ends_in_peace(executor, tmp_path):
    with executor() as ours:
        found = [answer for _, answer in ours.each(["one", "two"])]
    assert [cell for cell, *_ in found] == ["one", "two"]
    assert len({process for _, process, _ in found}) == 1
    assert all(deaf for *_, deaf in found)  # an interrupt is the parent's to answer
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert (tmp_path / "ended").exists()


def test_a_cell_that_takes_it_down_is_told_and_the_next_has_another(executor):
    with executor() as ours:
        found = dict(ours.each(["one", "die", "two"]))
    assert found["die"] == "its process ended by itself with exit code 9"
    assert found["one"][1] != found["two"][1]


def test_interrupted_it_is_killed(executor, tmp_path):
    def interrupted():
        with executor() as ours:
            for _ in ours.each(["one", "two"]):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "ended").exists()


def test_the_command_starts_it_before_it_plans(tmp_path, monkeypatch):
    order = []

    class Watched(Local):
        def _start(self):
            order.append("started")
            super()._start()

    config = {
        "dataset": "scenes(train=4, validation=1, test=1)",
        "matrix": {"backbone": ["none"], "attention": ["mean"]},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    monkeypatch.setattr("benchmarks.cli.run.Local", Watched)
    monkeypatch.setitem(sys.modules, "benchmarks.plan.matrix", None)  # who plans fails
    words = ["run", str(tmp_path / "config.yaml"), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    with pytest.raises(ImportError):
        main([*words, "--dry-run"])
    assert order == []
    with pytest.raises(ImportError):
        main(words)
    assert order == ["started"]
