"""Arrays of jobs of SLURM, and which job of them has which cell."""

import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.executors import slurm_queue as queue
from benchmarks.executors.slurm_job import GPUS, Job, Request
from benchmarks.runtime.extras import extra
from zoo.atomic import write_atomically

ARRAY = 1000  # jobs of one, as many as SLURM's default of MaxArraySize allows
_TOO_MANY = re.compile("limit|array", re.IGNORECASE)  # in what sbatch says where fewer jobs may do
_JOBS = "jobs.json"
_LONG = re.compile(r"--[a-z][a-z-]*(=.*)?")
_ITSELF = "the executor slurm sets it itself"
_OURS = {
    **dict.fromkeys(("array", "error", "job-name", "open-mode", "output", "signal"), _ITSELF),
    "cpus-per-task": "say cpus=N, by which the cell's threads go too",
    "time": "say hours=N, by which a cell saves its state too",
}
_TICK = 0.5  # seconds
_LEAVE = 15.0  # seconds in which a job ends whose cell is done


class Arrays:
    """The arrays that were submitted for a folder of runs; each has a folder in `home`, and jobs of that one's name.

    A folder that has no note of its jobs is that of a submission that was cut off.

    Args:
        parameters: of the jobs, as submitit names them.
        requeues: how often a job may come to its time limit.
    """

    def __init__(self, home: Path, parameters: Mapping[str, Any], requeues: int) -> None:
        self.home, self._parameters, self._requeues = home, parameters, requeues
        self._submitit, self._size = extra("submitit"), ARRAY

    def submit(self, request: Request) -> dict[str, str]:
        """Submit an array for the first of the request's cells, as many as SLURM takes; the job of each of them.

        Raises:
            ValueError: sbatch refuses, and nothing is submitted.
        """
        while True:
            size = min(self._size, len(request.tasks))
            try:
                submitted = self._submit(replace(request, tasks=dict(islice(request.tasks.items(), size))))
            except ValueError as error:
                if size == 1 or not _TOO_MANY.search(str(error)):
                    raise
                self._size = size // 2
            else:
                self._size = min(ARRAY, 2 * self._size)
                return submitted

    def _submit(self, request: Request) -> dict[str, str]:
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("run-%Y%m%d-%H%M%S-"), dir=self.home)).resolve()
        errors = self._submitit.core.utils
        try:
            request.save(folder / "request.pkl")
            executor = self._submitit.SlurmExecutor(folder, max_num_timeout=self._requeues)
            executor.update_parameters(job_name=_job_name(folder), **self._parameters)
            with _no_gpus_of_ours(), redirect_stderr(io.StringIO()):  # where submitit prints what it raises
                jobs = executor.submit_array([Job(folder / "request.pkl", name) for name in request.tasks])
            submitted = {name: job.job_id for name, job in zip(request.tasks, jobs, strict=True)}
            write_atomically(folder / _JOBS, json.dumps(submitted))
        except BaseException as error:
            _remove(folder)  # sbatch may have accepted it
            if isinstance(error, errors.FailedJobError | errors.FailedSubmissionError):
                raise ValueError(f"sbatch: {' '.join(str(error).split())}") from error
            raise
        return submitted

    def noted(self) -> dict[str, str]:
        """The latest job of each cell that was ever noted; jobs of submissions that were cut off are cancelled.

        The caller holds the lease of whoever submits, so no submission goes on.

        Raises:
            ValueError: they cannot be cancelled, or others cannot be read.
        """
        found: dict[str, str] = {}
        for folder in sorted(self.home.glob("run-*")):
            if not (jobs := _noted_in(folder)) and (why := _remove(folder)):
                raise ValueError(f"{_job_name(folder)}, whose submission was cut off, cannot be cancelled: {why}")
            found |= jobs
        return found

    def remove_finished(self, done: Callable[[str], bool]) -> None:
        """Remove the folders of jobs whose cells are all done, and which end within a moment."""
        until = time.monotonic() + _LEAVE
        over = {}
        for folder in self.home.glob("run-*"):
            with suppress(ValueError):
                if (jobs := _noted_in(folder)) and all(map(done, jobs)):
                    over[folder] = jobs
        while over:
            found = queue.states([job for jobs in over.values() for job in jobs.values()]) or {}
            for folder, jobs in list(over.items()):
                if all(job in found and queue.leaving(found[job]) for job in jobs.values()):
                    shutil.rmtree(folder, ignore_errors=True)
                    del over[folder]
            if time.monotonic() >= until:
                return
            time.sleep(_TICK if over else 0)


def options_of_sbatch(texts: Iterable[str]) -> dict[str, str | bool]:
    """Options of sbatch, as submitit takes them. A job is queued again unless they say otherwise.

    Raises:
        ValueError: one is not written out, or has an option of the executor's in its place.
    """
    found: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.removeprefix("--").partition("=")
        if not _LONG.fullmatch(text):
            raise ValueError(f"sbatch={text!r}: write the option out, as in --constraint=a100")
        if name in _OURS:
            raise ValueError(f"sbatch={text!r}: {_OURS[name]}")
        found[name.replace("-", "_")] = value if equals else True
    return found if "no_requeue" in found else {"requeue": True, **found}


def _job_name(folder: Path) -> str:
    return f"caption-zoo-{folder.name}"


def _noted_in(folder: Path) -> dict[str, str]:
    """The jobs of a submission, by cell; none where it was cut off.

    Raises:
        ValueError: they are noted and cannot be read now, so nobody may take them for lost.
    """
    try:
        found: dict[str, str] = json.loads((folder / _JOBS).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder / _JOBS} cannot be read ({error}), and cells may have jobs: try again") from None
    return found


@contextmanager
def _no_gpus_of_ours() -> Iterator[None]:
    """Jobs have the environment of the command: GPUs of this one's, in a job perhaps, are none that they were given."""
    hidden = {name: os.environ.pop(name) for name in GPUS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _remove(folder: Path) -> str:
    """Cancel the jobs of a folder and remove it; what went wrong, if anything did."""
    why = queue.cancel_named(_job_name(folder))
    if not why:
        shutil.rmtree(folder, ignore_errors=True)
    return why
