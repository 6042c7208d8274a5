"""SLURM's queue, and which job of it has which cell."""

import getpass
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.records.outcome import Outcome
from zoo.atomic import write_atomically

_PROGRAMS = ("sbatch", "squeue", "scancel", "srun")
_JOBS = "jobs.json"
_ANSWER = 60.0  # seconds
_TICK = 0.5  # seconds
_LEAVE = 15.0  # seconds in which a job ends whose cell is done
_TAIL = 2000  # bytes
_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "COMPLETING", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL",
    "OUT_OF_MEMORY", "PREEMPTED", "RECONFIG_FAIL", "REVOKED", "TIMEOUT", "UNKNOWN",
}  # fmt: skip
_OUTCOMES: Mapping[str, Outcome] = {
    "OUT_OF_MEMORY": "out_of_memory",
    "TIMEOUT": "time_limit",
    "DEADLINE": "time_limit",
}


def require_slurm() -> None:
    """Make sure that jobs can be submitted from here.

    Raises:
        ValueError: a program of SLURM is missing.
    """
    if missing := [name for name in _PROGRAMS if not shutil.which(name)]:
        raise ValueError(f"{missing[0]} is not found: the executor slurm needs it, as login nodes have it")


def states(jobs: Collection[str]) -> dict[str, str] | None:
    """The state of each job, UNKNOWN where SLURM has forgotten it; None where it does not answer."""
    queue = ["squeue", "--noheader", "--array", "--states=all", f"--user={getpass.getuser()}", "--format=%i|%T"]
    if (found := _table(queue)) is None:
        return None
    if missing := sorted(set(jobs) - found.keys()):
        past = ["sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State"]
        found |= _table([*past, f"--jobs={','.join(missing)}"]) or {}
    return {job: found.get(job, "UNKNOWN") for job in jobs}


def ended(state: str) -> bool:
    """Whether a job in this state comes to nothing more."""
    return state in _ENDED


def outcome(state: str) -> Outcome:
    """Of a cell whose job has ended so, without a record."""
    return _OUTCOMES.get(state, "killed")


def cancel(jobs: Iterable[str]) -> None:
    """Take jobs out of the queue; those that run get SIGTERM."""
    if listed := list(jobs):
        subprocess.run(["scancel", *listed], capture_output=True, timeout=_ANSWER, check=False)


def note_jobs(folder: Path, jobs: Mapping[str, str]) -> None:
    """Keep for later commands which job has which cell."""
    write_atomically(folder / _JOBS, json.dumps(jobs))


def noted_jobs(folder: Path) -> dict[str, str]:
    """The jobs by cell that `note_jobs` has put into a folder; none where it did not come to that."""
    try:
        found: dict[str, str] = json.loads((folder / _JOBS).read_text())
    except (OSError, ValueError):
        return {}
    return found


def remove_finished(home: Path, done: Callable[[str], bool]) -> None:
    """Remove the folders in `home` of jobs whose cells are all done, and which end within a moment."""
    until = time.monotonic() + _LEAVE
    for folder in home.glob("run-*"):
        jobs = noted_jobs(folder)
        if not jobs or not all(map(done, jobs)):
            continue
        while (found := states(jobs.values())) is None or not all(map(ended, found.values())):
            if time.monotonic() >= until:
                return
            time.sleep(_TICK)
        shutil.rmtree(folder, ignore_errors=True)


def last_words(folder: Path, job: str) -> str:
    """The last line in the log of a job, in one of the folders in `folder`; empty where there is none."""
    for file in folder.glob(f"*/{job}_0_log.err"):
        with suppress(OSError), file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _TAIL))
            lines = opened.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _table(command: list[str]) -> dict[str, str] | None:
    """States by job, as a program of SLURM prints them."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = (line.strip().split("|") for line in done.stdout.splitlines())
    return {row[0]: row[1].split()[0].rstrip("+") for row in rows if len(row) == 2 and row[1].strip()}
