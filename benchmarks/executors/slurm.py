"""Jobs of SLURM: one for each cell, in arrays."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from benchmarks.cell.workdir import finished
from benchmarks.executors import EXECUTORS, Executor
from benchmarks.executors import slurm_queue as queue
from benchmarks.executors.allotment import require_one_node
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.lines import PATTERN, Lines
from benchmarks.executors.setup import RunSetup, Task, leases_in
from benchmarks.executors.slurm_arrays import ARRAY, Arrays, options_of_sbatch
from benchmarks.executors.slurm_job import Request
from benchmarks.executors.slurm_losses import Losses
from benchmarks.executors.worker import give_up
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.progress import write
from benchmarks.runtime.stopping import Stopped
from registry import AtLeast, Size

_FOLDER = ".slurm"
_LINES = f"run-*/{PATTERN}"
_TICK = 1.0  # seconds between looks for records
_LEAST = 0.02  # seconds between looks, whatever the interval is
_SILENCE = 300.0  # seconds without an answer from the queue, after which a note says so
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
        workers: jobs that wait or run at once, at most; another follows when one has ended. 0 is any number.
        requeues: how often a job may come to its time limit, be preempted or lose its node before its cell is
            recorded as failed.
        interval: seconds between looks at the queue.
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
        interval: Annotated[float, AtLeast(0)] = 30,
        sbatch: Sequence[str] = (),
    ) -> None:
        require_one_node(setup.resources.launch, gpus, "slurm")
        queue.require_slurm()
        self._server, self._setup = server, setup
        self._cpus, self._gpus, self._interval = cpus, gpus, interval
        parameters: dict[str, Any] = {
            "partition": partition, "account": account, "time": max(1, round(60 * hours)),
            "cpus_per_task": cpus, "gpus_per_node": gpus or None, "mem": f"{round(1000 * memory)}M" if memory else None,
            "signal_delay_s": _NOTICE, "array_parallelism": ARRAY, "wckey": None,
            "srun_args": [f"--cpus-per-task={cpus}"],  # which srun does not take over from sbatch
            "additional_parameters": options_of_sbatch(sbatch),
        }  # fmt: skip
        self._arrays = Arrays(setup.out / _FOLDER, parameters, requeues)
        self._losses = Losses(self._arrays.home, setup.retries, requeues)
        self._cells = leases_in(setup.out)  # one for all looks, since what is stale shows only as time goes by
        self._waiting: dict[str, Task] = {}
        self._jobs: dict[str, str] = {}  # by cell; those that have not ended, as far as is known
        self._own: set[str] = set()  # jobs that this command has submitted
        self._over: set[str] = set()  # jobs that had ended when the queue was last looked at
        self._most = workers or sys.maxsize
        self._said: set[str] = set()
        self._lines = Lines(self._arrays.home.glob(_LINES))
        self._answered = self._look_at = 0.0

    def each(self, tasks: Sequence[Task]) -> Iterator[tuple[Cell, RunRecord]]:
        """Run the cells, as the interface says."""
        self._waiting = {task.cell.id: task for task in tasks}
        self._answered = time.monotonic()
        self._fill()
        while self._waiting:
            if self._server.stopping:
                raise Stopped
            held = self._cells.names()  # whose last word may not be spoken
            there = {path.name for path in self._setup.out.iterdir()}
            for name, task in [each for each in self._waiting.items() if each[0] in there]:
                if (record := task.settled(self._setup.out)) and (record.done or name not in held):
                    self._forward_lines()  # before the record
                    del self._waiting[name]
                    yield task.cell, record
            self._forward_lines()
            if self._waiting and time.monotonic() >= self._look_at:
                self._look()
                self._look_at = time.monotonic() + self._interval
            time.sleep(min(_TICK, max(self._interval, _LEAST)) if self._waiting else 0)

    def close(self, *, failed: bool) -> None:
        """Cancel this command's jobs of cells that have no record; remove what jobs have left."""
        self._cells.close()
        left = {job for name, job in self._jobs.items() if name in self._waiting}
        if own := sorted(left & self._own):
            why = queue.cancel(own)
            self._note(
                f"scancel: {why}; these jobs may go on: {' '.join(own)}" if why else f"cancelled {len(own)} jobs"
            )
        if others := sorted(left - self._own):
            self._note(f"{len(others)} jobs that another command has submitted go on; scancel ends them: {others[0]}")
        self._arrays.remove_finished(lambda name: finished(self._setup.out / name) is not None)

    def _forward_lines(self) -> None:
        self._lines.forward(file for file in self._arrays.home.glob(_LINES) if file.stem in self._waiting)

    def _fill(self) -> None:
        """Have a job for every cell, as far as there may be so many: one of another command's, or a new one.

        Raises:
            ValueError: SLURM refuses, and there is no job to wait for.
        """
        with leases_in(self._arrays.home) as leases:
            while len(self._jobs) < self._most and self._waiting.keys() - self._jobs.keys():
                with leases.taken("submit") as lease:
                    if lease:
                        try:
                            self._adopt()
                            self._submit()
                        except ValueError as error:
                            if not self._jobs:
                                raise
                            self._note(f"{error}; the other cells wait until jobs have ended")
                        return
                if self._server.stopping:
                    raise Stopped
                time.sleep(_TICK)  # another command submits its jobs now

    def _adopt(self) -> None:
        noted = self._arrays.noted()
        noted = {name: noted[name] for name in noted.keys() & (self._waiting.keys() - self._jobs.keys())}
        if (found := queue.states(noted.values()) if noted else {}) is None:
            raise ValueError("squeue does not answer, and some cells may have jobs already: try again later")
        if adopted := {name: job for name, job in noted.items() if not queue.ended(found[job])}:
            self._jobs |= adopted
            self._note(f"{len(adopted)} cells have jobs already")

    def _submit(self) -> None:
        names = [name for name in self._waiting if name not in self._jobs][: max(0, self._most - len(self._jobs))]
        left = {name: self._waiting[name] for name in names}
        while left:
            submitted = self._arrays.submit(Request(self._setup, left, Path.cwd(), self._cpus, self._gpus))
            self._jobs |= submitted
            self._own |= set(submitted.values())
            left = {name: task for name, task in left.items() if name not in submitted}
        if names:
            self._note(f"submitted {len(names)} jobs; their logs are in {self._arrays.home}")

    def _look(self) -> None:
        """Look at the queue: what has ended and has no record, when it was seen twice, runs again or is given up."""
        if (found := queue.states(self._jobs.values())) is None:
            if time.monotonic() - self._answered > _SILENCE:
                self._note("squeue has not answered for minutes; nothing is concluded from that")
            return
        self._answered = time.monotonic()
        before, self._over = self._over, {job for job, state in found.items() if queue.ended(state)}
        for name, job in list(self._jobs.items()):
            if found[job] == queue.HELD:
                self._note(f"job {job} is held, perhaps with others: scontrol release {job}")
            done = name not in self._waiting
            if job in self._over and (done or (job in before and self._runs_again(name, found[job]))):
                del self._jobs[name]
        self._fill()

    def _runs_again(self, name: str, state: str) -> bool:
        """Whether a cell is to have another job, since one has ended in `state`; else it is recorded as failed."""
        job = self._jobs[name]
        if failure := self._losses.failure(name, job, state):
            give_up(self._waiting[name], failure, self._setup, self._cells)  # or another time, while its lease is new
            return False
        self._note(f"job {job} ended without a record: {state}; its cell is to have another one")
        return True

    def _note(self, text: str) -> None:
        """Tell the user, once."""
        if text not in self._said:
            self._said.add(text)
            write(f"caption-zoo: note: {text}", sys.stderr)
