"""Jobs of SLURM: one for each cell, in an array."""

import io
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated, Any

from benchmarks.cell.workdir import finished
from benchmarks.executors import EXECUTORS, Executor
from benchmarks.executors import slurm_queue as queue
from benchmarks.executors.allotment import extra, require_one_node
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.setup import RunSetup, Task, leases_in
from benchmarks.executors.site import Failure
from benchmarks.executors.slurm_job import Job, Request
from benchmarks.executors.worker import give_up
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.progress import write
from benchmarks.runtime.stopping import Stopped
from registry import AtLeast, Size

_FOLDER = ".slurm"
_TICK = 1.0  # seconds between looks for records
_SELDOM = 60.0  # seconds between looks at the queue, when nothing happens
_ARRAY = 1000  # jobs of an array; SLURM takes no more, unless it was told to
_NOTICE = 120  # seconds before its end at which a job is told so


@EXECUTORS.register("slurm")
class Slurm(Executor):
    """Jobs of SLURM, one for each cell; this command waits for their records.

    Args:
        partition: where they run; by default where SLURM has them run.
        account: whom they are charged to.
        hours: time limit of a job; before it comes, the cell saves its state, and the job is queued again.
        cpus: cores of each job.
        gpus: GPUs of each job.
        memory: GB of each job; 0 is what SLURM gives.
        workers: jobs at once, at most, of each thousand; 0 is any number.
        requeues: how often a job may come to its time limit before its cell is recorded as failed.
        sbatch: any other options, as sbatch takes them: ["--qos=high", "--exclusive"].
    """

    def __init__(
        self,
        server: ForkServer,
        setup: RunSetup,
        /,
        *,
        partition: str | None = None,
        account: str | None = None,
        hours: Annotated[float, AtLeast(0)] = 24,
        cpus: Size = 1,
        gpus: Annotated[int, AtLeast(0)] = 0,
        memory: Annotated[float, AtLeast(0)] = 0,
        workers: Annotated[int, AtLeast(0)] = 0,
        requeues: Annotated[int, AtLeast(0)] = 10,
        sbatch: Sequence[str] = (),
    ) -> None:
        require_one_node(setup.resources.launch, gpus, "slurm")
        queue.require_slurm()
        self._submitit = extra("submitit")
        self._server, self._setup, self._requeues = server, setup, requeues
        self._cpus, self._gpus = cpus, gpus
        self._parameters: dict[str, Any] = {
            "job_name": "caption-zoo", "partition": partition, "account": account, "time": max(1, round(60 * hours)),
            "cpus_per_task": cpus, "gpus_per_node": gpus or None, "mem": f"{round(1000 * memory)}M" if memory else None,
            "signal_delay_s": _NOTICE, "array_parallelism": workers or _ARRAY, "wckey": None,
            "srun_args": [f"--cpus-per-task={cpus}"],  # which srun does not take over from sbatch
            "additional_parameters": dict(map(_option, sbatch)),
        }  # fmt: skip
        self._home = setup.out / _FOLDER
        self._cells = leases_in(setup.out)  # one for all looks, since what is stale shows only as time goes by
        self._waiting: dict[str, Task] = {}
        self._jobs: dict[str, str] = {}  # by cell
        self._over: set[str] = set()  # jobs that had ended when the queue was last looked at
        self._lost: Counter[str] = Counter()  # jobs that came to no record, by cell
        self._look_at, self._quiet_since = 0.0, 0.0

    def each(self, tasks: Sequence[Task]) -> Iterator[tuple[Cell, RunRecord]]:
        """Run the cells, as the interface says."""
        self._waiting = {task.cell.id: task for task in tasks}
        self._queue()
        while self._waiting:
            if self._server.stopping:
                raise Stopped
            held = self._cells.names()  # whose last word may not be spoken
            for name, task in list(self._waiting.items()):
                if (record := task.settled(self._setup.out)) and (record.done or name not in held):
                    del self._waiting[name]
                    self._quiet_since = time.monotonic()
                    yield task.cell, record
            if self._waiting and time.monotonic() >= self._look_at:
                self._look()
            time.sleep(_TICK if self._waiting else 0)

    def close(self, *, failed: bool) -> None:
        """Cancel the jobs of cells that have no record, where the caller `failed`; remove what jobs have left."""
        self._cells.close()
        if left := [self._jobs[name] for name in self._waiting if name in self._jobs]:
            queue.cancel(left)
            write(f"caption-zoo: note: cancelled {len(left)} jobs", sys.stderr)
        queue.remove_finished(self._home, lambda name: finished(self._setup.out / name) is not None)

    def _queue(self) -> None:
        """Have a job for every cell: one that an earlier command has submitted, or a new one."""
        with leases_in(self._home) as leases:
            while self._waiting:
                with leases.taken("submit") as lease:
                    if lease:
                        self._adopt()
                        self._submit([task for name, task in self._waiting.items() if name not in self._jobs])
                        return
                time.sleep(_TICK)  # another command submits its jobs now

    def _adopt(self) -> None:
        noted: dict[str, str] = {}
        for folder in sorted(self._home.glob("run-*")):  # the latest counts
            noted |= {name: job for name, job in queue.noted_jobs(folder).items() if name in self._waiting}
        if noted:
            if (found := queue.states(noted.values())) is None:
                raise ValueError("squeue does not answer, and some cells may have jobs already: try again later")
            self._jobs = {name: job for name, job in noted.items() if not queue.ended(found[job])}
        if self._jobs:
            write(f"caption-zoo: note: {len(self._jobs)} cells have jobs already", sys.stderr)

    def _submit(self, tasks: Sequence[Task]) -> None:
        """Submit a job for each task.

        Raises:
            ValueError: sbatch refuses.
        """
        if not tasks:
            return
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("run-%Y%m%d-%H%M%S-"), dir=self._home)).resolve()
        file = folder / "request.pkl"
        by_cell = {task.cell.id: task for task in tasks}
        Request(self._setup, by_cell, Path.cwd(), self._cpus, self._gpus).save(file)
        executor = self._submitit.SlurmExecutor(folder, max_num_timeout=self._requeues)
        executor.update_parameters(**self._parameters)
        names, jobs = list(by_cell), []
        for start in range(0, len(names), _ARRAY):
            try:
                with redirect_stderr(io.StringIO()):  # where submitit prints what it raises
                    jobs += executor.submit_array([Job(file, name) for name in names[start : start + _ARRAY]])
            except (self._submitit.core.utils.FailedJobError, self._submitit.core.utils.FailedSubmissionError) as error:
                if not jobs:
                    shutil.rmtree(folder)
                raise ValueError(f"sbatch: {' '.join(str(error).split())}") from error
            submitted = dict(zip(names, [job.job_id for job in jobs], strict=False))
            self._jobs |= submitted
            queue.note_jobs(folder, submitted)
        write(f"caption-zoo: note: submitted {len(jobs)} jobs; their logs are in {folder}", sys.stderr)

    def _look(self) -> None:
        """Look at the queue: what has ended and has no record, when it was seen twice, runs again or is given up."""
        now = time.monotonic()
        self._quiet_since = self._quiet_since or now
        self._look_at = now + min(_SELDOM, max(_TICK, (now - self._quiet_since) / 10))
        jobs = {name: job for name, job in self._jobs.items() if name in self._waiting}
        if (found := queue.states(jobs.values())) is None:
            return
        over, self._over = self._over, {job for job in jobs.values() if queue.ended(found[job])}
        gone = over & self._over
        self._submit(
            [self._waiting[name] for name, job in jobs.items() if job in gone and self._lose(name, found[job])]
        )

    def _lose(self, name: str, state: str) -> bool:
        """Whether a cell is to have another job, since one has ended in `state`; else it is recorded as failed."""
        task, why = self._waiting[name], queue.outcome(state)
        self._lost[name] += 1
        if state != "CANCELLED" and self._setup.retries.again(why, self._lost[name]):
            return True
        job = self._jobs[name]
        log = f"; the last line of its log: {last}" if (last := queue.last_words(self._home, job)) else ""
        failure = Failure(f"its job {job} ended without a record: {state}{log}", why)
        give_up(task, failure, self._setup, self._cells)  # where its lease is not old enough, another time
        return False


def _option(text: str) -> tuple[str, str | bool]:
    """An option of sbatch, as submitit takes it."""
    name, equals, value = text.lstrip("-").partition("=")
    return name, value if equals else True
