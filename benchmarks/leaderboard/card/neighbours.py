"""The entries of a table that differ from one in exactly one part: what swapping it would change."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from benchmarks.leaderboard.html.paths import name_of
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.formatting import hundred, signed
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

MOST = 50  # of one part, on a card


@dataclass(frozen=True)
class Neighbour:
    """An entry with another `part`; gap: its mean CIDEr less ours; margin: beyond which that is clear, if known."""

    part: str
    value: str
    row: Row
    gap: float
    margin: float | None

    @property
    def difference(self) -> str:
        """The gap with its margin, as text."""
        return signed(self.gap) + ("" if self.margin is None else f" ± {hundred(self.margin)}")

    def card(self, seed: int) -> str:
        """The file of the card of its run with this seed, else of another; empty where it has none."""
        return name_of(self.row.run_of(seed))

    @property
    def verdict(self) -> str:
        """The paired significance test's answer, over all pairs of the table."""
        if self.margin is None:
            return "not known"
        if abs(self.gap) <= self.margin:
            return "not clear"
        return "clearly better" if self.gap > 0 else "clearly worse"


def neighbours(table: Table, row: Row) -> list[Neighbour]:
    """By part, the best of each first, up to `MOST`; none where the row has no CIDEr."""
    own = CIDER.read(row)
    return [] if own is None else [each for axis in range(len(PARTS)) for each in _found(table, row, axis, own)]


def _found(table: Table, row: Row, axis: int, own: float) -> Iterator[Neighbour]:
    others = (each for each in table.swaps.get(table.swap_key(row, axis), ()) if each.parts[axis] != row.parts[axis])
    for other in islice(others, MOST):
        theirs = CIDER.read(other)
        assert theirs is not None  # or else it would be no swap
        margin = table.ranking.margin(table.index[row], table.index[other])
        yield Neighbour(PARTS[axis], other.parts[axis], other, theirs - own, margin)
