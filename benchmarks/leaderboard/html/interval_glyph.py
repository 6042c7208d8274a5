"""A row's CIDEr drawn on the scale of its table: seeds, mean and two intervals."""

from benchmarks.leaderboard.html.axes import Axis, linear
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.rows import Row, Table

WIDTH = 130
LEGEND = (
    '<svg class="glyph" viewBox="0 0 44 18" aria-hidden="true">'
    '<path class="far" d="M1 9H43"/><path class="near" d="M12 9H32"/><path class="mean" d="M22 2v12"/></svg>'
)


def scale(table: Table) -> Axis | None:
    """One scale for all rows, None where no captions were scored."""
    ends = [score for row in table.rows if (score := CIDER.read(row)) is not None]
    for standing in filter(None, table.ranking.standings):
        ends += [standing.low, standing.high, standing.near_low, standing.near_high]
    if not ends:
        return None
    room = 0.02 * (max(ends) - min(ends)) or 0.05
    return linear(min(ends) - room, max(ends) + room, 3, WIDTH - 3)


def axis(across: Axis) -> str:
    """The scale, for the head of the column; every other mark has its number."""
    marks = "".join(
        f'<rect x="{across.place(tick) - 0.5:.1f}" y="14" width="1" height="4"/>'
        + ("" if index % 2 else f'<text x="{across.place(tick):.1f}" y="10">{round(100 * tick, 6):g}</text>')
        for index, tick in enumerate(across.ticks)
    )
    return f'<svg class="glyph scale" viewBox="0 0 {WIDTH} 18" aria-hidden="true">{marks}</svg>'


def glyph(table: Table, row: Row, across: Axis) -> str:
    """The drawing for `row`; the same figures stand beside it as text."""
    score = CIDER.read(row)
    if score is None:
        return ""
    standing = table.standing(row)
    bars = ""
    if standing:
        bars = _bar("far", across, standing.low, standing.high)
        if len([each for each in table.ranking.standings if each]) > 1:
            bars += _bar("near", across, standing.near_low, standing.near_high)
    seeds = "".join(f"M{across.place(value):.1f} 15v3" for value in row.seed_scores() if len(row.runs) > 1)
    bars += f'<path class="seed" d="{seeds}"/>' if seeds else ""
    bars += f'<path class="mean" d="M{across.place(score):.1f} 2v12"/>'
    return f'<svg class="glyph" viewBox="0 0 {WIDTH} 18" aria-hidden="true">{bars}</svg>'


def _bar(kind: str, across: Axis, low: float, high: float) -> str:
    start, end = across.place(low), across.place(high)
    return f'<path class="{kind}" d="M{start:.1f} 9H{max(end, start + 1):.1f}"/>'
