"""Cells as jobs of SLURM, whose programs are pretended here: whatever becomes of a job, the record tells."""

import json
import os
import pickle
import signal
import socket
from dataclasses import replace
from pathlib import Path

import fake_slurm
import pytest
from forking import caption_zoo, until
from sources import PYTHONPATH

from benchmarks.config import Experiment, Matrix, Training
from benchmarks.executors import slurm, slurm_arrays, slurm_job, slurm_queue
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import Retries
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.slurm_job import Job, Request
from benchmarks.plan.matrix import Plan, plan
from benchmarks.records.record import records
from benchmarks.runtime.stopping import Stopped
from benchmarks.runtime.storage import StorageError
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
WORDS = (
    "run",
    "config.yaml",
    "--out",
    "out",
    "--cache",
    "cache",
    "--executor",
    "slurm(sbatch=['--qos=high'], interval=.1)",
)
EXPERIMENT = Experiment(
    Spec.parse("scenes(train=12, validation=4, test=4)"),
    Matrix((Spec.parse("patches(dim=16)"),), (Spec.parse("mean"),), (Spec.parse("lstm(dim=16)"),)),
    metrics=(Spec.parse("cider"),),
    training=Training(epochs=1, decay_epochs=0, min_count=1),
)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The folder of a pretended cluster; commands find its programs."""
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "slurm"


class Server:
    """As much of one as is asked whether to stop: each time but so many."""

    def __init__(self, looks):
        self._looks = looks
        self._asked = 0

    @property
    def stopping(self):
        self._asked += 1
        return self._asked % (self._looks + 1) == 0


@pytest.fixture
def executor(tmp_path, cluster, monkeypatch):
    """Makes executors in this process, for so many cells; jobs never start, and stay in the state in `hold`."""
    monkeypatch.chdir(tmp_path)
    (cluster / "hold").touch()
    (tmp_path / "out").mkdir()

    def made(cells=1, looks=0, retries=0, **options):
        planned = plan(replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, seeds=tuple(range(cells)))))
        setup = RunSetup(planned, Path("out"), Path("cache"), retries=Retries(retries))
        return slurm.Slurm(Server(looks), setup, interval=0, **options), [Task.of(c, setup.out) for c in planned.cells]

    return made


def submit(executor, tasks):
    """Have it submit jobs, as far as it comes before a stop."""
    with pytest.raises(Stopped):
        list(executor.each(tasks))


def submissions(cluster):
    return (cluster / "submitted").read_text().count("\n")


def place(folder, seeds, epochs):
    for name in ("benchmarks", "registry", "zoo"):  # submitit puts the working folder into its jobs' path
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").touch()
    (folder / "config.yaml").write_text(CONFIG.replace("SEEDS", str(seeds)).replace("EPOCHS", str(epochs)))
    return folder


def states(folder, cell="*"):
    """Of training, once whole."""
    return set(folder.glob(f"out/.checkpoints/{cell}/[!.]*"))


def left_behind(folder):
    return [path for name in (".leases", ".partial", ".checkpoints") for path in (folder / "out" / name).iterdir()]


def test_a_job_that_is_preempted_goes_on_as_itself_or_as_another_one(tmp_path, cluster):
    """By the signal that comes before its end it is queued again; where SLURM refuses, it has another job, uncounted."""
    folder = place(tmp_path, [0], 40)
    running = caption_zoo(*WORDS, "--retries", "0", folder=folder)
    before = until(lambda: states(folder), running)
    (pickled,) = folder.glob("out/.slurm/run-*/1001_submitted.pkl")
    pickled.with_name(f"{pickled.name}.save_tmp").touch()  # as a save leaves it that was killed
    fake_slurm.send("1001", signal.SIGUSR2)
    until(lambda: fake_slurm.jobs(cluster)["1001"]["starts"] == 2, running)
    before |= states(folder)
    until(lambda: states(folder) - before, running)
    (cluster / "no-requeue").touch()
    fake_slurm.send("1001", signal.SIGUSR2)
    ended = running.end()
    assert ended.returncode == 0, ended
    (record,) = records(folder / "out")
    assert record.done
    assert record.environment["resumed"] == 2
    jobs = fake_slurm.jobs(cluster)
    assert {name: job["state"] for name, job in jobs.items()} == {"1001": "FAILED", "1002": "COMPLETED"}
    assert left_behind(folder) == []
    assert not list(folder.glob("out/.slurm/run-*"))
    assert not [name for name in jobs if fake_slurm.processes(name)]


@pytest.mark.parametrize(
    ("state", "shown", "noted", "retries", "submitted"),
    [
        ("FAILED", "RUNNING COMPLETING COMPLETING COMPLETING PENDING RUNNING", None, 0, 1),  # queued again meanwhile
        ("FAILED", "", None, 1, 2),
        ("FAILED", "", "", 0, 3),  # with its state saved
        ("PREEMPTED", "", None, 0, 3),
        ("NODE_FAIL", "", None, 0, 3),
        ("CANCELLED", "", None, 1, 1),
    ],
)
def test_another_job_counts_as_a_retry_only_where_the_cell_may_be_at_fault(
    executor, cluster, state, shown, noted, retries, submitted
):
    (cluster / "hold").write_text(state)
    (cluster / "shown" / "1001").write_text(shown)
    made, tasks = executor(looks=100, retries=retries, requeues=2)
    with made:
        for number in range(1001, 1004) if noted is not None else ():
            slurm_queue.note_end(Path("out/.slurm/notes"), str(number), noted)
        ((_, record),) = made.each(tasks)
    assert (record.outcome, record.error) == ("killed", f"its job {1000 + submitted} ended without a record: {state}")
    assert submissions(cluster) == submitted


def test_a_fault_of_the_disk_ends_the_command(executor, cluster):
    (cluster / "hold").write_text("FAILED")
    made, tasks = executor(looks=100)
    slurm_queue.note_end(Path("out/.slurm/notes"), "1001", "node7: /cache: the disk is full")
    with pytest.raises(StorageError, match=r"^node7: /cache: the disk is full$"), made:
        list(made.each(tasks))
    assert not list(records(Path("out")))


@pytest.mark.parametrize(
    ("error", "noted", "raised"),
    [(Stopped(), "", SystemExit), (StorageError("/cache: full"), f"{socket.gethostname()}: /cache: full", OSError)],
)
def test_a_job_notes_why_it_ends_without_a_record(tmp_path, monkeypatch, error, noted, raised):
    """And has GPUs that options of sbatch have asked for."""
    given = []

    def restrict(*arguments):
        given.append(arguments)
        raise error

    for name, value in {"SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(slurm_job, "restrict_environment", restrict)
    monkeypatch.chdir(tmp_path)
    setup = RunSetup(Plan((), ()), tmp_path, tmp_path)
    (tmp_path / "run-1").mkdir()
    Request(setup, {}, tmp_path, 1, 0).save(tmp_path / "run-1" / "request.pkl")
    with pytest.raises(raised):
        Job(tmp_path / "run-1" / "request.pkl", "")()
    assert slurm_queue.noted_end(tmp_path, "7") == noted
    assert given == [(setup.resources.launch, 1, True)]


def test_options_are_in_the_script_once(executor, cluster):
    options = ["--gpus-per-node=a100:1", "--constraint=a100", "--exclusive"]
    made, tasks = executor(memory=32, gpus=2, sbatch=options)
    submit(made, tasks)
    made.close(failed=True)
    lines = fake_slurm.jobs(cluster)["1001"]["script"].splitlines()
    assert {f"#SBATCH {option}" for option in [*options, "--mem=32000M", "--requeue"]} <= set(lines)
    assert len([line for line in lines if "gpus" in line]) == 1
    submit(*executor(sbatch=["--no-requeue"]))
    assert "#SBATCH --requeue" not in fake_slurm.jobs(cluster)["1002"]["script"]
    for option, why in (
        ("-C a100", "write the option out"),
        ("--time=60", "say hours"),
        ("--array=1", "sets it itself"),
    ):
        with pytest.raises(ValueError, match=f"sbatch='{option}': .*{why}"):
            executor(sbatch=[option])


def test_as_many_jobs_wait_at_once_as_may(executor, cluster, monkeypatch, capsys):
    monkeypatch.setattr(slurm_arrays, "ARRAY", 2)
    submit(*executor(5))
    assert sorted(fake_slurm.jobs(cluster)) == ["1001_0", "1001_1", "1002_0", "1002_1", "1003"]
    (cluster / "limit").write_text("8")
    submit(*executor(9, looks=2))  # finds five, and is refused after three others, of which the last is submitted alone
    assert len(fake_slurm.jobs(cluster)) == 8
    assert "QOSMaxSubmitJobPerUserLimit; the other cells wait until jobs have ended\n" in capsys.readouterr().err
    for name in fake_slurm.jobs(cluster):
        fake_slurm.update(name, cluster, state="CANCELLED")
    (cluster / "limit").unlink()
    before = submissions(cluster)
    (cluster / "hold").write_text("FAILED")
    made, tasks = executor(3, looks=100, workers=1)
    with made:
        assert len(list(made.each(tasks))) == 3
    assert submissions(cluster) == before + 3  # each when the one before has ended


def test_jobs_whose_note_cannot_be_read_now_are_neither_cancelled_nor_submitted_again(executor, cluster):
    submit(*executor(2))
    (note,) = Path("out/.slurm").glob("run-*/jobs.json")
    note.write_bytes(b"\0" * 20)
    made, tasks = executor(2)
    with pytest.raises(ValueError, match=r"jobs\.json cannot be read .*, and cells may have jobs: try again"), made:
        list(made.each(tasks))
    assert [job["state"] for job in fake_slurm.jobs(cluster).values()] == ["PENDING"] * 2


def test_gpus_of_the_command_s_own_are_none_of_its_jobs(executor, cluster, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    script = cluster / "bin" / "sbatch"
    script.write_text(
        script.read_text().replace("def sbatch(", 'assert "CUDA_VISIBLE_DEVICES" not in os.environ\n\n\ndef sbatch(')
    )
    submit(*executor(1))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_submission_that_is_cut_off_leaves_no_jobs(executor, cluster):
    made, tasks = executor(2)
    (cluster / "interrupt").touch()
    with pytest.raises(KeyboardInterrupt), made:
        list(made.each(tasks))
    assert [job["state"] for job in fake_slurm.jobs(cluster).values()] == ["CANCELLED"] * 2
    assert not list(Path("out/.slurm").glob("run-*"))
    (cluster / "interrupt").unlink()
    submit(*executor(2))
    next(Path("out/.slurm").glob("run-*/jobs.json")).unlink()  # as one that was killed before it could write
    submit(*executor(2))
    found = [job["state"] for job in fake_slurm.jobs(cluster).values()]
    assert found == ["CANCELLED"] * 4 + ["PENDING"] * 2
    assert len(list(Path("out/.slurm").glob("run-*"))) == 1


def test_a_command_cancels_its_own_jobs_alone(executor, cluster, capsys):
    first, tasks = executor(2)
    submit(first, tasks)
    second, tasks = executor(3)
    submit(second, tasks)
    second.close(failed=True)
    assert [job["state"] for job in fake_slurm.jobs(cluster).values()] == ["PENDING", "PENDING", "CANCELLED"]
    assert "2 jobs that another command has submitted go on" in capsys.readouterr().err
    (cluster / "bin" / "scancel").write_text("#!/bin/sh\necho scancel: error: no controller >&2\nexit 1\n")
    first.close(failed=True)
    assert "scancel: error: no controller; these jobs may go on: 1001_0 1001_1\n" in capsys.readouterr().err


def test_what_keeps_jobs_from_running_is_told(executor, cluster, monkeypatch, capsys):
    monkeypatch.setattr(slurm, "_SILENCE", 0)
    made, tasks = executor(looks=1)
    submit(made, tasks)
    fake_slurm.update("1001", cluster, reason="JobHeldAdmin")
    submit(made, tasks)
    (cluster / "bin" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    submit(made, tasks)
    told = capsys.readouterr().err
    assert "job 1001 is held, perhaps with others: scontrol release 1001\n" in told
    assert "squeue has not answered for minutes" in told


def test_a_command_that_was_killed_finds_its_jobs_again(tmp_path, cluster):
    folder = place(tmp_path, [0, 1], 1)
    (cluster / "hold").touch()
    running = caption_zoo(*WORDS, folder=folder)
    until(lambda: list(folder.glob("out/.slurm/run-*/jobs.json")), running)
    os.kill(running.pid, signal.SIGKILL)
    running.end()
    assert [job["state"] for job in fake_slurm.jobs(cluster).values()] == ["PENDING"] * 2
    (noted,) = folder.glob("out/.slurm/run-*/jobs.json")
    for name in json.loads(noted.read_text()):
        (noted.parent / f"{name}.lines").write_text("a line that the first command has printed\n")
    running = caption_zoo(*WORDS, folder=folder)
    until(lambda: "have jobs already" in "".join(path.read_text() for path in folder.glob("stderr-*")), running)
    assert submissions(cluster) == 1
    os.kill(running.pid, signal.SIGINT)
    ended = running.end()
    assert ended.returncode == 130
    assert "caption-zoo: note: 2 jobs that another command has submitted go on; " in ended.stderr
    assert "the first command" not in ended.stderr


def test_a_job_that_somebody_cancels_is_not_submitted_again(tmp_path, cluster):
    folder = place(tmp_path, [0], 1)
    (cluster / "hold").touch()
    running = caption_zoo(*WORDS, folder=folder)
    until(lambda: list(folder.glob("out/.slurm/run-*/jobs.json")), running)
    fake_slurm.update("1001", cluster, state="PAST")  # it is in the accounts alone
    ended = running.end()
    assert ended.returncode == 1
    (record,) = records(folder / "out")
    assert (record.outcome, record.error) == ("killed", "its job 1001 ended without a record: CANCELLED")
    assert submissions(cluster) == 1


def test_a_refusal_and_a_missing_program_are_one_line(tmp_path, cluster):
    folder = place(tmp_path, [0], 1)
    (cluster / "refuse").touch()
    ended = caption_zoo(*WORDS, folder=folder).end()
    said = "caption-zoo: sbatch: sbatch: error: invalid partition specified: nowhere\n"
    assert (ended.returncode, ended.stderr) == (2, said)
    assert not list(tmp_path.glob("out/.slurm/run-*"))
    (cluster / "bin" / "sbatch").unlink()
    ended = caption_zoo(*WORDS, folder=folder).end()
    assert ended.returncode == 2
    assert ended.stderr.startswith("caption-zoo: sbatch is not found: ")
    assert ended.stderr.count("\n") == 1


def test_the_state_of_a_job_is_looked_for_where_it_may_be(cluster, monkeypatch):
    for name, state in (("1", "RUNNING"), ("2", "FORGOTTEN"), ("3", "PAST"), ("4_7", "OUT_OF_MEMORY")):
        fake_slurm.update(name, cluster, state=state)
    found = slurm_queue.states({"1", "2", "3", "4_7"})
    assert found == {"1": "RUNNING", "2": "UNKNOWN", "3": "CANCELLED", "4_7": "OUT_OF_MEMORY"}
    assert [slurm_queue.ended(found[name]) for name in sorted(found)] == [False, True, True, True]
    assert slurm_queue.outcome("OUT_OF_MEMORY") == "out_of_memory"
    (cluster / "bin" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert slurm_queue.states({"1"}) is None  # and not that the job has ended


def test_the_record_counts_and_not_what_submitit_says(tmp_path, cluster, monkeypatch):
    """With a process of submitit's for a job, whose result cannot be saved, since a killed save has left something."""
    monkeypatch.chdir(place(tmp_path, [0], 1))
    planned = plan(EXPERIMENT)
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


def test_a_job_that_comes_to_its_time_limit_too_often_is_recorded(tmp_path, cluster):
    folder = place(tmp_path, [0], 400)
    running = caption_zoo(*WORDS[:-1], "slurm(hours=0.1, requeues=0, interval=.1)", folder=folder)
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
