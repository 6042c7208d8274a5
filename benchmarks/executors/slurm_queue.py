"""SLURM's queue: which state jobs are in, and what they have left."""

import getpass
import shutil
import subprocess
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.records.outcome import Outcome
from zoo.atomic import write_atomically

_PROGRAMS = ("sbatch", "squeue", "scancel", "srun")
_ANSWER = 60.0  # seconds
_TAIL = 2000  # bytes
_TAKEN_AWAY = {"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"}
_ENDED = _TAKEN_AWAY | {
    "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "OUT_OF_MEMORY", "RECONFIG_FAIL", "REVOKED",
    "TIMEOUT", "UNKNOWN",
}  # fmt: skip
_OUTCOMES: Mapping[str, Outcome] = {
    "OUT_OF_MEMORY": "out_of_memory",
    "TIMEOUT": "time_limit",
    "DEADLINE": "time_limit",
}
HELD = "HELD"  # a state of ours, of jobs that wait for somebody to release them


def require_slurm() -> None:
    """Make sure that jobs can be submitted from here.

    Raises:
        ValueError: a program of SLURM is missing.
    """
    if missing := [name for name in _PROGRAMS if not shutil.which(name)]:
        raise ValueError(f"{missing[0]} is not found: the executor slurm needs it, as login nodes have it")


def states(jobs: Collection[str]) -> dict[str, str] | None:
    """The state of each job, UNKNOWN where SLURM has forgotten it; None where it does not answer."""
    if (found := _queue()) is None:
        return None
    if missing := sorted(set(jobs) - found.keys()):
        past = ["sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State"]
        found |= _table([*past, f"--jobs={','.join(missing)}"]) or {}
    return {job: found.get(job, "UNKNOWN") for job in jobs}


def ended(state: str) -> bool:
    """Whether a job in this state comes to nothing more. One that completes may be queued again."""
    return state in _ENDED


def leaving(state: str) -> bool:
    """Whether none of a job's processes runs any more."""
    return state == "COMPLETING" or ended(state)


def taken_away(state: str) -> bool:
    """Whether SLURM ended the job for reasons of its own."""
    return state in _TAKEN_AWAY


def outcome(state: str) -> Outcome:
    """Of a cell whose job has ended so, without a record."""
    return _OUTCOMES.get(state, "killed")


def cancel(jobs: Collection[str]) -> str:
    """Take jobs out of the queue; those that run get SIGTERM. What went wrong, in one line, if anything did."""
    try:
        if jobs:
            subprocess.run(["scancel", *jobs], capture_output=True, text=True, timeout=_ANSWER, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return " ".join(str(getattr(error, "stderr", None) or error).split())
    return ""


def cancel_named(name: str) -> str:
    """The same for all jobs of this name."""
    found = _queue(f"--name={name}")
    return "squeue does not answer" if found is None else cancel([job for job in found if not leaving(found[job])])


def note_end(folder: Path, job: str, why: str) -> None:
    """Tell the command that the job ends without a record: for a fault of the disk, or, if empty, with its state saved.

    Where the note cannot be written, there is none.
    """
    with suppress(OSError):
        write_atomically(folder / f"{job}.end", why)


def remove_note(folder: Path, job: str) -> None:
    """Remove what the job has noted when it ran before."""
    (folder / f"{job}.end").unlink(missing_ok=True)


def noted_end(home: Path, job: str) -> str | None:
    """What the job has noted, in one of the folders in `home`; None where it has not."""
    for file in home.glob(f"*/{job}.end"):
        with suppress(OSError):
            return file.read_text()
    return None


def last_words(home: Path, job: str) -> str:
    """The last line in the log of a job, in one of the folders in `home`; empty where there is none."""
    for file in home.glob(f"*/{job}_0_log.err"):
        with suppress(OSError), file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _TAIL))
            lines = opened.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _queue(*filters: str) -> dict[str, str] | None:
    user = f"--user={getpass.getuser()}"
    return _table(["squeue", "--noheader", "--array", "--states=all", user, "--format=%i|%T|%r", *filters])


def _table(command: list[str]) -> dict[str, str] | None:
    """States by job, as a program of SLURM prints them, perhaps with their reasons."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = (line.strip().split("|") for line in done.stdout.splitlines())
    return {job: _state(state, *reason) for job, state, *reason in (row for row in rows if len(row) > 1 and row[1])}


def _state(state: str, reason: str = "", *_: str) -> str:
    word = state.split()[0].rstrip("+")
    return HELD if word == "PENDING" and "held" in reason.lower() else word
