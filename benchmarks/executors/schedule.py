"""A plan, run: what is finished is passed over, what failed is tried again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cell.workdir import failed, finished, new_partial, publish, remove_stale
from benchmarks.executors.base import Executor
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord


@dataclass(frozen=True)
class Finished:
    """A cell and what came of it, now or in an earlier run."""

    cell: Cell
    record: RunRecord
    earlier: bool


def run(cells: Sequence[Cell], out: Path, executor: Executor) -> Iterator[Finished]:
    """Run by `executor` what is not finished in `out` yet, one cell after another, and yield every cell's record.

    Failed cells are tried again. A cell that raises, or that takes its whole process down,
    is recorded as failed and the next one goes on.
    """
    remove_stale(out)
    earlier = {cell.id: finished(out / cell.id) for cell in cells}
    for cell in cells:
        if record := earlier[cell.id]:
            yield Finished(cell, record, earlier=True)
    waiting = [cell for cell in cells if not earlier[cell.id]]
    for cell, found in executor.each(waiting):
        if isinstance(found, str):
            record, partial = failed(cell, found), new_partial(cell, out)
            record.save(partial)
            found = publish(record, partial, out)
        yield Finished(cell, found, earlier=False)
