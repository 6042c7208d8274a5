"""The processes of one machine: each cell has its own, so what a part does to one is over with the cell."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.executors import jobs
from benchmarks.executors.base import Executor
from benchmarks.executors.fork_server import ForkServer, ProcessDied
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord


class Local(Executor):
    """Runs cells one after another, in processes that `server` forks.

    What cells share, the features of a backbone above all, is made in a process of its own, which
    has no other part of a cell in it.
    """

    def __init__(self, server: ForkServer, out: Path, cache: Path, plugins: Sequence[str]) -> None:
        self._server, self._out, self._cache, self._plugins = server, out, cache, tuple(plugins)
        self._prepared: set[tuple[object, ...]] = set()
        self._timings: jobs.Timings = {}

    def each(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, RunRecord | str]]:
        """Run the cells; where a process died, or what cells share cannot be made, the reason stands for the record."""
        for cell in cells:
            yield cell, self._run(cell)

    def close(self, *, failed: bool) -> None:
        """Nothing is left: a process ends with its cell, or with who waits for it."""

    def _run(self, cell: Cell) -> RunRecord | str:
        try:
            self._prepare(cell)
            # A timing that a plug-in's part was near is for its own cell.
            trusted = all(origin == "caption-zoo" for origin in cell.origins.values())
            timings = self._timings if trusted else {}
            arguments = (cell, self._out, self._cache, self._plugins, timings)
            ((record, timings),) = self._server.call(jobs.ran, *arguments)
            if trusted:
                self._timings = timings
            return record
        except ProcessDied as died:
            return str(died)
        except Exception as error:  # whatever a data set or a backbone raises
            return f"{type(error).__name__}: {error}"

    def _prepare(self, cell: Cell) -> None:
        shared = (cell.located_dataset, cell.metrics, cell.backbone, cell.training.hflip)
        if self._prepared & {shared, (*shared, cell.seed)}:
            return
        (seeded,) = self._server.call(jobs.prepared, cell, self._cache, self._plugins)
        self._prepared.add((*shared, cell.seed) if seeded else shared)
