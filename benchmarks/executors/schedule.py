"""A plan, run: what is finished is passed over, what failed is tried again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.cell.workdir import finished_tail, remove_checkpoints, remove_stale
from benchmarks.executors import Executor
from benchmarks.executors.setup import RunSetup, Task, leases_in
from benchmarks.executors.site import Failure
from benchmarks.executors.worker import give_up
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.records.tail import Tail
from benchmarks.runtime.leases import Leases
from benchmarks.runtime.stopping import Stopped

_TICK = 0.5  # seconds


@dataclass(frozen=True)
class Finished:
    """A cell and what came of it, now or in an earlier run."""

    cell: Cell
    record: RunRecord | Tail
    earlier: bool


class Survey(NamedTuple):
    """What there is of a plan: cells that are done, and tasks for all others, each in the order of the plan."""

    earlier: list[Finished]
    tasks: list[Task]

    @classmethod
    def of(cls, cells: Sequence[Cell], out: Path) -> "Survey":
        """What there is in the folder `out` now."""
        survey = cls([], [])
        for cell in cells:
            task = Task.of(cell, out)  # first, so that a record that comes meanwhile is a new one
            if record := finished_tail(out / cell.id):
                survey.earlier.append(Finished(cell, record, earlier=True))
            else:
                survey.tasks.append(task)
        return survey


def run(
    survey: Survey,
    setup: RunSetup,
    executor: Executor,
    refused: Mapping[str, str] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Finished]:
    """Run by `executor` what is not finished yet, and yield every cell's record.

    Failed cells are tried again. A cell that raises, or that takes its whole process down,
    is recorded as failed and the next one goes on; one that is `refused`, for a reason by its
    id, does not run. Ensembles run when all others have, so that their members are there: one with a
    member that is not finished in the folder by then does not run. Any number of commands may do this in one
    folder at once.

    Raises:
        Stopped: `stopping` says so while a refused cell is another command's.
    """
    refused, out = refused or {}, setup.out
    with leases_in(out) as leases:
        remove_stale(out, leases)
        for done in survey.earlier:
            remove_checkpoints(done.cell, out)  # of who was killed before it could
            yield done
        for task in survey.tasks:
            if reason := refused.get(task.cell.id):
                failure = Failure(reason, "incompatible")
                yield Finished(task.cell, _refuse(task, failure, setup, leases, stopping), earlier=False)
        left = [task for task in survey.tasks if task.cell.id not in refused]
        for cell, record in executor.each([task for task in left if not task.cell.members]):
            yield Finished(cell, record, earlier=False)
        complete = []
        for task in (task for task in left if task.cell.members):
            # In the folder: another command may have run a member again since it failed here.
            unfinished = [member.id for member in task.cell.members if not finished_tail(out / member.id)]
            if unfinished:
                failure = Failure(
                    f"its member {unfinished[0]} has failed or is damaged: mend that, and run it again", "member_failed"
                )
                yield Finished(task.cell, _refuse(task, failure, setup, leases, stopping), earlier=False)
            else:
                complete.append(task)
    for cell, record in executor.each(complete) if complete else ():
        yield Finished(cell, record, earlier=False)


def _refuse(task: Task, failure: Failure, setup: RunSetup, leases: Leases, stopping: Callable[[], bool]) -> RunRecord:
    while not (record := give_up(task, failure, setup, leases)):
        if stopping():
            raise Stopped
        time.sleep(_TICK)  # another runner does the same
    return record
