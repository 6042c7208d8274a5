"""Who runs one cell after another: in a command, as a Ray actor, or as a SLURM job."""

import sys
from functools import partial

from benchmarks.cell.workdir import failed, publish, remove_leftovers, working_folder
from benchmarks.executors import jobs
from benchmarks.executors.meeting import FirstIsGone, Meeting
from benchmarks.executors.planning import plugins_for
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import Elsewhere, Failure, Site, refuse_storage_fault
from benchmarks.executors.together import call_together
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.leases import Lease, Leases
from benchmarks.runtime.progress import write
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.storage import StorageError, require_space, storage_fault
from benchmarks.runtime.text import plain

_KINDS = ("backbone", "dataset", "metric", "attention", "decoder", "objective")
_ROOM = 64 * 2**20  # bytes; weights, their last two checkpoints and captions of a small cell


class Worker:
    """Runs cells with `resources`, each in processes of its own, which have the plug-ins that it uses.

    What cells share, the features of a backbone above all, is made in a process that has no other part of a cell
    in it. Every record is published here, so it is not lost with whoever gave the task.
    """

    def __init__(self, site: Site, resources: Resources, meeting: Meeting | None = None) -> None:
        self._site, self._setup, self._resources, self._meeting = site, site.setup, resources, meeting
        self._own_meeting: Meeting | None = None  # kept as long as processes meet there

    def run(self, task: Task) -> RunRecord | None:
        """The record of the task's cell; None where another runner works on it, or on what it needs.

        Raises:
            StorageError: nothing can be published.
            Stopped: a stop was requested.
        """
        cell, out = task.cell, self._setup.out
        with self._site.cells.taken(cell.id) as lease:
            if lease is None:
                return None
            if record := task.settled(out):
                return record
            for folder in (out, self._setup.cache):
                require_space(folder, _ROOM)
            remove_leftovers(cell, out)
            try:
                return self._tries(cell, lease)
            except Elsewhere:
                return None

    def _tries(self, cell: Cell, lease: Lease) -> RunRecord:
        """The record of the last of as many tries as it may have."""
        retries = self._setup.retries
        for left in reversed(range(retries.times + 1)):
            record = self._try(cell, lease)
            if record.done or record.outcome not in retries.on or not left:
                break
            why = plain(str(record.error))
            write(f"caption-zoo: note: {cell.id} is tried again: {record.outcome}, {why}", sys.stderr)
        return record

    def _try(self, cell: Cell, lease: Lease) -> RunRecord:
        failure = self._site.prepare(cell, self._resources)
        if failure is None:
            try:
                return self._run(cell, lease)
            except Elsewhere:
                raise
            except Exception as error:
                refuse_storage_fault(error, self._setup)
                failure = Failure.of(error)
        return publish_failed(cell, failure, self._setup)

    def _run(self, cell: Cell, lease: Lease) -> RunRecord:
        # A timing that a plug-in was near is for its own cell.
        trusted = not cell.sources.keys() - {"backbone weights"}
        timings = self._site.timings if trusted else {}
        first, other = (jobs.ran, *self._given(cell), timings), (jobs.assisted, *self._given(cell))
        if self._meeting:
            self._meeting.announce(cell.id)
        try:
            environments = self._environments()
            elsewhere = partial(self._fault_elsewhere, cell, lease)
            record, timings = call_together(
                self._site.server, environments, first, other, elsewhere, self._setup.limits
            )
        finally:
            if self._meeting:
                self._meeting.over(cell.id)
        if trusted:
            self._site.timings = timings
        if self._meeting and record.outcome == "process_lost" and (reason := self._meeting.wait_for_failure(cell.id)):
            return publish_failed(cell, Failure(reason, "process_lost"), self._setup)
        return record

    def assist(self, cell: Cell, meeting: Meeting) -> Failure | None:
        """Train the cell with the first command, which has its record; why that failed here, if it did.

        Raises:
            FirstIsGone: that command has ended without a word.
        """
        if failure := self._site.prepare(cell, self._resources):
            return failure
        job = (jobs.assisted, *self._given(cell))
        try:
            call_together(self._site.server, self._environments(), job, job, lambda: meeting.end(cell.id))
        except FirstIsGone:
            raise
        except Exception as error:
            return None if meeting.end(cell.id) else Failure.of(error)
        return None

    def _given(self, cell: Cell) -> tuple[object, ...]:
        """What each process of a cell is given."""
        plugins = plugins_for(self._setup.plan, cell, _KINDS)
        return cell, self._setup.out, self._setup.cache, plugins, self._resources

    def _environments(self) -> list[dict[str, str]]:
        """Of each process of a cell; those of one command meet anew for each cell."""
        launch = self._resources.launch
        self._own_meeting = Meeting(launch) if launch.world > 1 and not self._meeting else None
        meeting = self._meeting or self._own_meeting
        found = launch.environments(meeting.port if meeting else None)
        return [{**self._resources.environment(), **variables} for variables in found]

    def _fault_elsewhere(self, cell: Cell, lease: Lease) -> Exception | None:
        """Why the cell should not go on, for a reason outside of its processes here."""
        if lease.lost.is_set():
            return Elsewhere("another runner has taken the cell over")
        return self._meeting.failure(cell.id) if self._meeting else None


def give_up(task: Task, failure: Failure, setup: RunSetup, leases: Leases) -> RunRecord | None:
    """Record the task's cell as failed, unless it has a record by now; None where another runner works on it.

    Raises:
        StorageError: nothing can be published.
    """
    with leases.taken(task.cell.id) as lease:
        return (task.settled(setup.out) or publish_failed(task.cell, failure, setup)) if lease else None


def publish_failed(cell: Cell, failure: Failure, setup: RunSetup) -> RunRecord:
    """The published record of a cell, whose lease the caller holds, that has none of its own."""
    try:
        with working_folder(cell, setup.out) as folder:
            record = failed(cell, failure.reason, failure.outcome)
            record.save(folder)
            return publish(record, folder, setup.out)
    except OSError as error:
        raise StorageError(storage_fault(error, setup.out) or f"{setup.out}: {error}") from error
