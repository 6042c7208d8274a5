"""Who runs one cell after another: in a command, as a Ray actor, or as a SLURM job."""

import sys
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.cell.workdir import failed, publish, remove_leftovers, working_folder
from benchmarks.executors import jobs
from benchmarks.executors.limits import Limits
from benchmarks.executors.lines import lines_file
from benchmarks.executors.meeting import FirstIsGone, Meeting
from benchmarks.executors.planning import logger_plugins, plugins_for
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import ROOM, Elsewhere, Failure, Site, refuse_storage_fault
from benchmarks.executors.together import call_together
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.leases import Lease, Leases
from benchmarks.runtime.progress import write
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.stopping import Stopped
from benchmarks.runtime.storage import StorageError, require_space, storage_fault
from benchmarks.runtime.text import plain

_KINDS = ("backbone", "dataset", "metric", "attention", "decoder", "objective")
_TIMES = 16  # a run with its last two checkpoints, in each of which are weights, averages, the best ones and moments
_MOMENT = 1.0  # seconds in which a stop arrives that has ended a cell already


class Worker:
    """Runs cells with `resources`, each in processes of its own, which have the plug-ins that it uses.

    What cells share, the features of a backbone above all, is made in a process that has no other part of a cell
    in it. Every record is published here, so it is not lost with whoever gave the task.
    """

    def __init__(self, site: Site, resources: Resources, meeting: Meeting | None = None) -> None:
        self._site, self._setup, self._resources, self._meeting = site, site.setup, resources, meeting
        self._own_meeting: Meeting | None = None  # kept as long as processes meet there
        self._logger_plugins = logger_plugins(self._setup.plan, self._setup.loggers)

    def run(self, task: Task) -> RunRecord | None:
        """The record of the task's cell; None where another runner works on it, or on what it needs.

        Raises:
            StorageError: nothing can be published.
            Stopped: a stop was requested.
        """
        cell, out = task.cell, self._setup.out
        if self._site.waits_for(cell):
            return None
        with self._site.cells.taken(cell.id) as lease:
            if lease is None:
                return None
            for folder, needed in ((out, self._site.room), (self._setup.cache, ROOM)):
                require_space(folder, needed)  # which writes, so a network file system looks anew
            remove_leftovers(cell, out)
            if record := task.settled(out):
                return record
            try:
                return self._tries(cell, lease)
            except Elsewhere:
                return None
            finally:
                if self._site.cells.holds(lease):
                    remove_leftovers(cell, out)  # of processes that were killed

    def _tries(self, cell: Cell, lease: Lease) -> RunRecord:
        """The record of the last of as many tries as it may have."""
        for failures in count(1):
            found = self._try(cell, lease)
            self._site.room = max(self._site.room, _TIMES * _size(self._setup.out / cell.id))
            if not self._setup.retries.again(found.outcome, failures):
                break
            # A scheduler's signal goes to all processes, and may end the cell before this one has it.
            if self._site.server.wait_for_stop(_MOMENT):
                raise Stopped
            why = plain(str(found.reason if isinstance(found, Failure) else found.error))
            write(f"caption-zoo: note: {cell.id} is tried again: {found.outcome}, {why}", sys.stderr)
        return publish_failed(cell, found, self._setup) if isinstance(found, Failure) else found

    def _try(self, cell: Cell, lease: Lease) -> RunRecord | Failure:
        """What came of one.

        Raises:
            Elsewhere: another runner has taken the cell over, which explains whatever went wrong.
        """
        failure = self._site.prepare(cell, self._resources)
        if failure is None:
            try:
                return self._run(cell, lease)
            except Elsewhere:
                raise
            except Exception as error:
                if not self._site.cells.holds(lease):
                    raise Elsewhere from error
                refuse_storage_fault(error, self._setup)
                failure = Failure.of(error)
        return failure

    def _run(self, cell: Cell, lease: Lease) -> RunRecord:
        # A timing that a plug-in was near is for its own cell.
        trusted = not cell.sources.keys() - {"backbone weights"} and not self._logger_plugins
        timings = self._site.timings if trusted else {}
        watch = jobs.Watch(self._setup.loggers, self._setup.lines and lines_file(self._setup.lines, cell))
        first, other = (jobs.ran, *self._given(cell), timings, watch), (jobs.assisted, *self._given(cell))
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
            limits = Limits(memory=self._setup.limits.memory)  # time and silence are the first command's to judge
            call_together(self._site.server, self._environments(), job, job, lambda: meeting.end(cell.id), limits)
        except FirstIsGone:
            raise
        except Exception as error:
            return None if meeting.end(cell.id) else Failure.of(error)
        return None

    def _given(self, cell: Cell) -> tuple[object, ...]:
        """What each process of a cell is given."""
        plugins = tuple(dict.fromkeys((*plugins_for(self._setup.plan, cell, _KINDS), *self._logger_plugins)))
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


def _size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    with suppress(FileNotFoundError):  # replaced by another runner
        return sum(path.stat().st_size for path in folder.iterdir())
    return 0


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
