"""What is to be run, and how: all that whoever runs cells has to be told, wherever it is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.executors.limits import Limits, Retries
from benchmarks.plan.cell import Cell
from benchmarks.records.record import FILE, BadRecord, RunRecord, TornRecord
from benchmarks.runtime.leases import Leases
from benchmarks.runtime.resources import Resources
from registry import Spec

if TYPE_CHECKING:
    from benchmarks.plan.matrix import Plan


@dataclass(frozen=True)
class RunSetup:
    """A plan, where its records and what cells share are kept, and what each cell may have.

    Attributes:
        out: folder of the runs, which other runners may share.
        cache: folder of features and tokens, likewise.
        loggers: what takes the metrics of each cell while it trains.
        lines: folder where each cell has a file with a line for each epoch, for a command that is elsewhere.
    """

    plan: "Plan"
    out: Path
    cache: Path
    resources: Resources = field(default_factory=Resources)
    limits: Limits = field(default_factory=Limits)
    retries: Retries = field(default_factory=Retries)
    loggers: tuple[Spec, ...] = ()
    lines: Path | None = None


class Stamp(NamedTuple):
    """What tells one record in a file from a later one."""

    touched: int
    size: int

    @classmethod
    def of(cls, cell: Cell, out: Path) -> "Stamp | None":
        """That of the cell's record; None where there is none."""
        try:
            state = (out / cell.id / FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(state.st_mtime_ns, state.st_size)


@dataclass(frozen=True)
class Task:
    """A cell to run; `before` is the record that it had when the command began, which does not count."""

    cell: Cell
    before: Stamp | None

    @classmethod
    def of(cls, cell: Cell, out: Path) -> "Task":
        """The cell as it is now."""
        return cls(cell, Stamp.of(cell, out))

    def settled(self, out: Path) -> RunRecord | None:
        """The record that another runner has published since, of whatever outcome.

        That a member of an ensemble failed does not count: where its task comes to a worker, all members are finished.
        """
        if Stamp.of(self.cell, out) in (None, self.before):
            return None
        try:
            record = RunRecord.load(out / self.cell.id / FILE)
            return None if record.outcome == "member_failed" else record
        except TornRecord:
            return None
        except BadRecord as bad:
            if isinstance(bad.__context__, FileNotFoundError):  # it is just being replaced
                return None
            raise


def leases_in(folder: Path) -> Leases:
    """The leases of whoever works in a folder of runs, or of what they share."""
    return Leases(folder / ".leases")
