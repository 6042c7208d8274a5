"""A plan, run: what is finished is passed over, what failed is tried again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.cell.workdir import failed, finished, publish, remove_checkpoints, remove_stale, working_folder
from benchmarks.executors.base import Executor
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord


@dataclass(frozen=True)
class Finished:
    """A cell and what came of it, now or in an earlier run."""

    cell: Cell
    record: RunRecord
    earlier: bool


def run(
    cells: Sequence[Cell], out: Path, executor: Executor, refused: Mapping[str, str] | None = None
) -> Iterator[Finished]:
    """Run by `executor` what is not finished in `out` yet, one cell after another, and yield every cell's record.

    Failed cells are tried again. A cell that raises, or that takes its whole process down,
    is recorded as failed and the next one goes on; one that is `refused`, for a reason by its
    id, does not run.
    """
    refused = refused or {}
    remove_stale(out)
    earlier = {cell.id: finished(out / cell.id) for cell in cells}
    for cell in cells:
        if record := earlier[cell.id]:
            remove_checkpoints(cell, out)  # of who was killed before it could
            yield Finished(cell, record, earlier=True)
    waiting = [cell for cell in cells if not earlier[cell.id]]
    beforehand = [(cell, refused[cell.id]) for cell in waiting if cell.id in refused]
    ran = executor.each([cell for cell in waiting if cell.id not in refused])
    for cell, found in chain(beforehand, ran):
        if isinstance(found, str):
            with working_folder(cell, out) as partial:
                record = failed(cell, found)
                record.save(partial)
                found = publish(record, partial, out)
        yield Finished(cell, found, earlier=False)
