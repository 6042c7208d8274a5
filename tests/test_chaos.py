"""Whatever is killed, and whenever: the matrix ends with the records of an unbroken run, and with nothing else."""

import os
from pathlib import Path

import fake_slurm
import pytest
from chaos import CELLS, STEPS_OF_EPOCH, Sweep, left_behind, outcome, started, torn, wait_until
from sources import PYTHONPATH

from benchmarks.records.record import records

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # another number of threads may give other weights
    sweep = Sweep(tmp_path_factory.mktemp("unbroken"), seed=0)
    ended = sweep.start().end()
    assert ended.returncode == 0, ended
    found = {record.id: outcome(record) for record in records(sweep.out)}
    assert len(found) == CELLS
    assert sweep.redone() == 0
    assert left_behind(sweep.out) == []
    return found


def check(sweep, unbroken, kills, runners=1):
    ended = sweep.run(kills, runners)
    assert ended.returncode == 0, ended
    assert sweep.torn == 0
    assert torn(sweep.out) == []
    found = list(records(sweep.out))
    assert len(found) == len({record.id for record in found}) == CELLS
    assert {record.id: outcome(record) for record in found} == unbroken
    assert left_behind(sweep.out) == []
    assert not (sweep.out / ".conflicts").exists()
    assert wait_until(lambda: sweep.processes() == []), sweep.processes()
    return sweep


def test_a_few_kills(unbroken, tmp_path):
    sweep = check(Sweep(tmp_path, seed=1), unbroken, kills=6)
    assert sweep.redone() <= sweep.kills * STEPS_OF_EPOCH


def test_a_few_kills_of_two_runners(unbroken, tmp_path):
    check(Sweep(tmp_path, seed=2), unbroken, kills=4, runners=2)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_many_kills(unbroken, tmp_path, seed, record_property):
    sweep = check(Sweep(tmp_path, seed=10 + seed), unbroken, kills=25, runners=1 + seed % 2)
    assert sweep.redone() <= sweep.kills * STEPS_OF_EPOCH * (1 + seed % 2)
    record_property(
        "kills", f"{sweep.kills} kills ({sweep.killed}), {sweep.starts} starts, {sweep.redone()} steps done again"
    )


class JobSweep(Sweep):
    """Kills of jobs too, which are no processes of the command's."""

    def processes(self, commands=()):
        jobs = [process for name in fake_slurm.jobs(self.folder / "slurm") for process in fake_slurm.processes(name)]
        self.seen |= {process: started(process) for process in jobs}
        return super().processes(commands)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2))
def test_many_kills_of_jobs(unbroken, tmp_path, seed, monkeypatch, record_property):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install 'caption-zoo[slurm]'")
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    sweep = check(
        JobSweep(tmp_path, seed=20 + seed, options=("--executor", "slurm(workers=2, interval=1)")), unbroken, kills=25
    )
    assert not list(sweep.out.glob(".slurm/run-*"))
    assert sweep.redone() <= sweep.kills * STEPS_OF_EPOCH * 2  # of two jobs that are killed at once
    record_property("kills", f"{sweep.kills} kills ({sweep.killed}), {sweep.starts} starts, {sweep.redone()} steps")
