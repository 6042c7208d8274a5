"""Cells as jobs of SLURM, whose programs are pretended here: whatever becomes of a job, the record tells."""

import os
import pickle
import signal
import time
from pathlib import Path

import fake_slurm
import pytest
from forking import caption_zoo, until

from benchmarks.config import Experiment, Matrix, Training
from benchmarks.executors import slurm_queue
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.slurm_job import Job, Request
from benchmarks.plan.matrix import Plan, plan
from benchmarks.records.record import records
from registry import Spec

submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install 'caption-zoo[slurm]'")

ROOT = Path(__file__).parents[1]
CONFIG = """
dataset: scenes(train=12, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16), seeds: SEEDS}
metrics: cider
training: {epochs: EPOCHS, decay_epochs: 0, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
WORDS = ("run", "config.yaml", "--out", "out", "--cache", "cache", "--executor", "slurm(sbatch=['--qos=high'])")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of a pretended cluster; commands find its programs."""
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "slurm"


def place(folder, seeds, epochs):
    (folder / "config.yaml").write_text(CONFIG.replace("SEEDS", str(seeds)).replace("EPOCHS", str(epochs)))
    return folder


def states(folder, cell="*"):
    """Of training, once whole."""
    return set(folder.glob(f"out/.checkpoints/{cell}/[!.]*"))


def left_behind(folder):
    return [path for name in (".leases", ".partial", ".checkpoints") for path in (folder / "out" / name).iterdir()]


def test_a_job_that_is_preempted_and_killed_runs_again(tmp_path, slurm):
    """By the signal that comes before its end it is queued again; killed, it has another job in its place."""
    folder = place(tmp_path, [0], 40)
    running = caption_zoo(*WORDS, folder=folder)
    before = until(lambda: states(folder), running)
    (pickled,) = folder.glob("out/.slurm/run-*/1001_submitted.pkl")
    pickled.with_name(f"{pickled.name}.save_tmp").touch()  # as a save leaves it that was killed
    fake_slurm.send("1001", signal.SIGUSR2)
    until(lambda: fake_slurm.jobs(slurm)["1001"]["starts"] == 2, running)
    before |= states(folder)
    until(lambda: states(folder) - before, running)
    fake_slurm.send("1001", signal.SIGKILL)
    ended = running.end()
    assert ended.returncode == 0, ended
    (record,) = records(folder / "out")
    assert record.done
    assert record.environment["resumed"] == 2
    jobs = fake_slurm.jobs(slurm)
    assert "#SBATCH --qos=high" in jobs["1001"]["script"]
    assert {name: job["state"] for name, job in jobs.items()} == {"1001": "FAILED", "1002": "COMPLETED"}
    assert left_behind(folder) == []
    assert not list(folder.glob("out/.slurm/run-*"))
    assert not [name for name in jobs if fake_slurm.processes(name)]


def test_a_command_that_was_killed_finds_its_jobs_again_and_one_that_is_interrupted_cancels_them(tmp_path, slurm):
    folder = place(tmp_path, [0, 1], 1)
    (slurm / "hold").touch()
    running = caption_zoo(*WORDS, folder=folder)
    until(lambda: list(folder.glob("out/.slurm/run-*/jobs.json")), running)
    os.kill(running.pid, signal.SIGKILL)
    running.end()
    assert [job["state"] for job in fake_slurm.jobs(slurm).values()] == ["PENDING"] * 2
    running = caption_zoo(*WORDS, folder=folder)
    time.sleep(0.1)
    until(lambda: "have jobs already" in "".join(path.read_text() for path in folder.glob("stderr-*")), running)
    assert (slurm / "submitted").read_text().count("\n") == 1
    os.kill(running.pid, signal.SIGINT)
    ended = running.end()
    assert ended.returncode == 130
    assert "caption-zoo: note: cancelled 2 jobs\n" in ended.stderr
    assert [job["state"] for job in fake_slurm.jobs(slurm).values()] == ["CANCELLED"] * 2


def test_a_job_that_somebody_cancels_is_not_submitted_again(tmp_path, slurm):
    folder = place(tmp_path, [0], 1)
    (slurm / "hold").touch()
    running = caption_zoo(*WORDS, folder=folder)
    until(lambda: list(folder.glob("out/.slurm/run-*/jobs.json")), running)
    fake_slurm.update("1001", slurm, state="PAST")  # it is in the accounts alone
    ended = running.end()
    assert ended.returncode == 1
    (record,) = records(folder / "out")
    assert (record.outcome, record.error) == ("killed", "its job 1001 ended without a record: CANCELLED")
    assert (slurm / "submitted").read_text().count("\n") == 1


def test_a_refusal_and_a_missing_program_are_one_line(tmp_path, slurm):
    folder = place(tmp_path, [0], 1)
    (slurm / "refuse").touch()
    ended = caption_zoo(*WORDS, folder=folder).end()
    said = "caption-zoo: sbatch: sbatch: error: invalid partition specified: nowhere\n"
    assert (ended.returncode, ended.stderr) == (2, said)
    assert not list(tmp_path.glob("out/.slurm/run-*"))
    (slurm / "bin" / "sbatch").unlink()
    ended = caption_zoo(*WORDS, folder=folder).end()
    assert ended.returncode == 2
    assert ended.stderr.startswith("caption-zoo: sbatch is not found: ")
    assert ended.stderr.count("\n") == 1


def test_the_state_of_a_job_is_looked_for_where_it_may_be(slurm, monkeypatch):
    for name, state in (("1", "RUNNING"), ("2", "FORGOTTEN"), ("3", "PAST"), ("4_7", "OUT_OF_MEMORY")):
        fake_slurm.update(name, slurm, state=state)
    found = slurm_queue.states({"1", "2", "3", "4_7"})
    assert found == {"1": "RUNNING", "2": "UNKNOWN", "3": "CANCELLED", "4_7": "OUT_OF_MEMORY"}
    assert [slurm_queue.ended(found[name]) for name in sorted(found)] == [False, True, True, True]
    assert slurm_queue.outcome("OUT_OF_MEMORY") == "out_of_memory"
    (slurm / "bin" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert slurm_queue.states({"1"}) is None  # and not that the job has ended


def test_the_record_counts_and_not_what_submitit_says(tmp_path, slurm, monkeypatch):
    """With a process of submitit's for a job, whose result cannot be saved, since a killed save has left something."""
    monkeypatch.chdir(place(tmp_path, [0], 1))
    experiment = Experiment(
        Spec.parse("scenes(train=12, validation=4, test=4)"),
        Matrix((Spec.parse("patches(dim=16)"),), (Spec.parse("mean"),), (Spec.parse("lstm(dim=16)"),)),
        metrics=(Spec.parse("cider"),),
        training=Training(epochs=1, decay_epochs=0, min_count=1),
    )
    planned = plan(experiment)
    (cell,) = planned.cells
    (tmp_path / "out").mkdir()
    setup = RunSetup(planned, Path("out"), Path("cache"))
    Request(setup, {cell.id: Task.of(cell, Path("out"))}, tmp_path, 1, 0).save(tmp_path / "request.pkl")
    job = submitit.LocalExecutor(tmp_path / "jobs").submit(Job(tmp_path / "request.pkl", cell.id))
    job.paths.result_pickle.with_name(f"{job.paths.result_pickle.name}.save_tmp").touch()
    until(lambda: job._process.poll() is not None)
    assert not job.paths.result_pickle.exists()
    (record,) = records(tmp_path / "out")
    assert record.done
    assert left_behind(tmp_path) == []


def test_a_job_that_comes_to_its_time_limit_too_often_is_recorded(tmp_path, slurm):
    folder = place(tmp_path, [0], 400)
    running = caption_zoo(*WORDS[:-1], "slurm(hours=0.1, requeues=0)", folder=folder)
    until(lambda: states(folder), running)
    fake_slurm.send("1001", signal.SIGUSR2)
    assert running.end().returncode == 1
    (record,) = records(folder / "out")
    assert record.outcome == "time_limit"
    assert record.error.startswith("its job came to its end too often: ")
    assert states(folder)  # so that the same command goes on from there


def ignored():
    yield [signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGUSR1, signal.SIGUSR2)]


def test_signals_that_every_process_of_a_job_gets_end_no_cell(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with ForkServer("json") as server:
        assert list(server.call(ignored)) == [[True, True]]


def test_a_request_of_anybody_else_s_runs_nothing(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    setup = RunSetup(Plan((), (), {"plugin.py": frozenset({("attention", "mean")})}), tmp_path, tmp_path)
    Request(setup, {}, tmp_path, 1, 0).save(tmp_path / "request.pkl")
    assert Request.load(tmp_path / "request.pkl").setup == setup
    dotted = b"\x80\x04\x8c\x20benchmarks.executors.fork_server\x8c\x10subprocess.Popen\x93."
    for payload in (*map(pickle.dumps, (Payload(), eval, [Payload()], ForkServer)), dotted):
        (tmp_path / "request.pkl").write_bytes(payload)
        with pytest.raises(pickle.UnpicklingError, match="is no part of a request"):
            Request.load(tmp_path / "request.pkl")
    assert not (tmp_path / "canary").exists()
