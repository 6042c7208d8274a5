"""The processes of one machine: each cell has its own, so what a part does to one is over with the cell."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.executors import jobs
from benchmarks.executors.base import Executor
from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.meeting import FirstIsGone, Meeting
from benchmarks.executors.planning import plugins_for
from benchmarks.executors.together import call_together
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.launch import LostProcess
from benchmarks.runtime.resources import Resources

if TYPE_CHECKING:
    from benchmarks.plan.matrix import Plan

_SHARED = ("backbone", "dataset", "metric")  # what features and tokens are made with
_ALL = (*_SHARED, "attention", "decoder", "objective")


class Local(Executor):
    """Runs cells of `plan` one after another, in processes that `server` forks, each with the plug-ins that it uses.

    By `resources` a cell has several of them, of which the first one has the cell's record.

    What cells share, the features of a backbone above all, is made in a process of its own, which
    has no other part of a cell in it.
    """

    def __init__(
        self, server: ForkServer, plan: "Plan", out: Path, cache: Path, resources: Resources | None = None
    ) -> None:
        self._server, self._plan, self._out, self._cache = server, plan, out, cache
        self._resources = resources or Resources()
        self._launch = self._resources.launch
        self._meeting = Meeting(self._launch) if self._launch.world > 1 else None
        self._prepared: dict[tuple[object, ...], str | None] = {}  # with the reason where that failed
        self._timings: jobs.Timings = {}

    def each(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, RunRecord | str]]:
        """Run the cells; where a process died, or what cells share cannot be made, the reason stands for the record."""
        for cell in cells:
            yield cell, self._prepare(cell) or self._run(cell)

    def close(self, *, failed: bool) -> None:
        """Tell the commands of other nodes that this was all; a process of ours ends with its cell."""
        if self._meeting and not self._launch.first:
            self._meeting.close()

    def assist(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str | None]]:
        """Train what the first command announces of `cells`, and yield each with what went wrong here.

        Raises:
            FirstIsGone: that command has ended without a word.
        """
        assert self._meeting
        by_id = {cell.id: cell for cell in cells}
        for name in self._meeting.announced():
            reason = self._prepare(by_id[name]) or self._assist(by_id[name], self._meeting)
            if reason:
                self._meeting.fail(name, reason)
            yield by_id[name], reason

    def _assist(self, cell: Cell, meeting: Meeting) -> str | None:
        job = (jobs.assisted, *self._shared(cell))
        try:
            call_together(self._server, self._environments(), job, job, lambda: meeting.end(cell.id))
        except FirstIsGone:
            raise
        except Exception as error:
            return None if meeting.end(cell.id) else _reason(error)
        return None

    def _run(self, cell: Cell) -> RunRecord | str:
        # A timing that a plug-in was near is for its own cell.
        trusted = not cell.sources.keys() - {"backbone weights"}
        timings = self._timings if trusted else {}
        first, other = (jobs.ran, *self._shared(cell), timings), (jobs.assisted, *self._shared(cell))
        meeting = self._meeting
        if meeting:
            meeting.announce(cell.id)
        try:
            elsewhere = (lambda: meeting.failure(cell.id)) if meeting else (lambda: None)
            record, timings = call_together(self._server, self._environments(), first, other, elsewhere)
        except Exception as error:
            return _reason(error)
        finally:
            if meeting:
                meeting.over(cell.id)
        if trusted:
            self._timings = timings
        if meeting and str(record.error).startswith(LostProcess.__name__):
            return meeting.wait_for_failure(cell.id) or record
        return record

    def _shared(self, cell: Cell) -> tuple[object, ...]:
        """What each process of a cell is given."""
        return cell, self._out, self._cache, plugins_for(self._plan, cell, _ALL), self._resources

    def _environments(self) -> list[dict[str, str]]:
        return self._launch.environments(self._meeting.port if self._meeting else None)

    def _prepare(self, cell: Cell) -> str | None:
        """Why what `cell` shares with others cannot be made; None where it is there."""
        shared = (cell.located_dataset, cell.metrics, cell.backbone, cell.training.hflip)
        for key in (shared, (*shared, cell.seed)):
            if key in self._prepared:
                return self._prepared[key]
        reason, seeded = None, False
        try:
            plugins = plugins_for(self._plan, cell, _SHARED)
            (seeded,) = self._server.call(jobs.prepared, cell, self._cache, plugins)
        except Exception as error:  # whatever a data set or a backbone raises
            reason = _reason(error)
        self._prepared[(*shared, cell.seed) if seeded else shared] = reason
        return reason


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ProcessDied) else f"{type(error).__name__}: {error}"
