"""The entries of a table that differ from one in exactly one part: what swapping it would change."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.leaderboard.html.paths import name_of
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.formatting import hundred, signed
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.records.record import PARTS


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
        return name_of(next((run for run in self.row.runs if run.seed == seed), self.row.runs[0]))

    @property
    def verdict(self) -> str:
        """The paired significance test's answer, over all pairs of the table."""
        if self.margin is None:
            return "not known"
        if abs(self.gap) <= self.margin:
            return "not clear"
        return "clearly better" if self.gap > 0 else "clearly worse"


def neighbours(table: Table, row: Row) -> list[Neighbour]:
    """By part, the best of each first; none where the row has no CIDEr."""
    return sorted(_found(table, row), key=lambda found: (PARTS.index(found.part), -found.gap))


def _found(table: Table, row: Row) -> Iterator[Neighbour]:
    own = CIDER.read(row)
    for other in table.rows:
        theirs = CIDER.read(other)
        differ = [axis for axis in range(len(PARTS)) if other.parts[axis] != row.parts[axis]]
        if own is None or theirs is None or len(differ) != 1 or not _same_but(differ[0], row, other):
            continue
        margin = table.ranking.margin(table.index[row], table.index[other])
        yield Neighbour(PARTS[differ[0]], other.parts[differ[0]], other, theirs - own, margin)


def _same_but(axis: int, one: Row, other: Row) -> bool:
    """Whether all but this part come from the same place: of one name there may be two plug-ins."""
    others = [place for place in range(len(PARTS)) if place != axis]
    weights = PARTS[axis] == "backbone" or one.weights == other.weights
    return weights and all(one.origins[place] == other.origins[place] for place in others)
