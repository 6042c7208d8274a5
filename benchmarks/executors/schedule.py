"""A plan, run: what is finished is passed over, what failed is tried again."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cell.workdir import finished, remove_checkpoints, remove_stale
from benchmarks.executors import Executor, RunSetup, Task
from benchmarks.executors.setup import leases_in
from benchmarks.executors.site import Failure
from benchmarks.executors.worker import give_up
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.leases import Leases

_TICK = 0.5  # seconds


@dataclass(frozen=True)
class Finished:
    """A cell and what came of it, now or in an earlier run."""

    cell: Cell
    record: RunRecord
    earlier: bool


def run(
    cells: Sequence[Cell], setup: RunSetup, executor: Executor, refused: Mapping[str, str] | None = None
) -> Iterator[Finished]:
    """Run by `executor` what is not finished yet, and yield every cell's record.

    Failed cells are tried again. A cell that raises, or that takes its whole process down,
    is recorded as failed and the next one goes on; one that is `refused`, for a reason by its
    id, does not run. Any number of commands may do this in one folder at once.
    """
    refused, out = refused or {}, setup.out
    with leases_in(out) as leases:
        remove_stale(out, leases)
        tasks = []
        for cell in cells:
            task = Task.of(cell, out)  # first, so that a record that comes meanwhile is a new one
            if record := finished(out / cell.id):
                remove_checkpoints(cell, out)  # of who was killed before it could
                yield Finished(cell, record, earlier=True)
            elif cell.id in refused:
                record = _refuse(task, refused[cell.id], setup, leases)
                yield Finished(cell, record, earlier=False)
            else:
                tasks.append(task)
    for cell, record in executor.each(tasks):
        yield Finished(cell, record, earlier=False)


def _refuse(task: Task, reason: str, setup: RunSetup, leases: Leases) -> RunRecord:
    while not (record := give_up(task, Failure(reason, "incompatible"), setup, leases)):
        time.sleep(_TICK)  # another runner does the same
    return record
