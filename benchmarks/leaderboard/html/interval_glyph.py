"""A row's CIDEr drawn on the scale of its table: seeds, mean and two intervals."""

from markupsafe import Markup

from benchmarks.leaderboard.html.axes import Axis, linear, marks
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table

WIDTH = 130
_TICKS = 200  # of about so many seeds nobody sees more


def scale(table: Table) -> Axis | None:
    """One scale for all rows, None where no captions were scored."""
    if table.extent is None:
        return None
    low, high = table.extent
    room = 0.02 * (high - low) or 0.05
    return linear(low - room, high + room, 3, WIDTH - 3)


def axis(across: Axis) -> Markup:
    """The scale, for the head of the column."""
    return render("glyph_axis.html", marks=marks(across, times=100), width=WIDTH)


def glyph(table: Table, row: Row, across: Axis) -> Markup:
    """The drawing for `row`; the same figures stand beside it as text."""
    score = CIDER.read(row)
    if score is None:
        return Markup()
    standing = table.standing(row)
    bars = []
    if standing:
        bars.append(_bar("far", across, standing.low, standing.high))
        if table.ranking.compared > 1:
            bars.append(_bar("near", across, standing.near_low, standing.near_high))
    drawn = row.seed_scores[:: 1 + len(row.runs) // _TICKS] if len(row.runs) > 1 else []
    seeds = [across.place(value) for value in drawn]
    return render("glyph.html", width=WIDTH, bars=bars, seeds=seeds, mean=across.place(score))


def _bar(kind: str, across: Axis, low: float, high: float) -> tuple[str, float, float]:
    start, end = across.place(low), across.place(high)
    return kind, start, max(end, start + 1)
