"""CIDEr against captioning speed, as SVG: no script, no style but classes."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.leaderboard.html.axes import Axis, linear, spread
from benchmarks.leaderboard.html.label_placement import Label
from benchmarks.leaderboard.html.label_placement import place as labelled
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column, rate
from benchmarks.leaderboard.tables.formatting import html
from benchmarks.leaderboard.tables.rows import Hardware, Row, Table
from benchmarks.records.record import PARTS

WIDTH, HEIGHT = 560, 336
_LEFT, _RIGHT, _TOP, _FLOOR = 40, WIDTH - 10, 22, HEIGHT - 46
_NAMED = 8  # with more entries than this, only those on the front are named
_SHAPES = (
    "M0-5.2A5.2 5.2 0 1 1 0 5.2A5.2 5.2 0 1 1 0-5.2z",  # a circle
    "M-4.6-4.6H4.6V4.6H-4.6z",  # a square
    "M0-6.6L6.6 0L0 6.6L-6.6 0z",  # a diamond
    "M0-6L6 5H-6z",  # a triangle
    "M0 6L6-5H-6z",  # one upside down
    "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2z",  # a cross
)


def plots(table: Table) -> str:
    """A figure for each place where speeds were measured; scripts show one of them at a time."""
    figures = {place: figure for place in table.places if (figure := plot(table, place))}
    options = "".join(f"<option>{html(wording.environment(place))}</option>" for place in figures)
    choice = f'<label class="js">Speed measured on <select name="place">{options}</select></label>'
    return f'<div class="plots">{choice if len(figures) > 1 else ""}{"".join(figures.values())}</div>'


def plot(table: Table, place: Hardware) -> str:
    """The figure, or nothing where fewer than two entries have both; its dots link to their rows."""
    column = rate(table, place)
    points = {row: (x, y) for row in table.rows if (x := column.read(row)) and (y := CIDER.read(row)) is not None}
    if len(points) < 2:
        return ""
    across, up = spread([x for x, _ in points.values()], _LEFT + 14, _RIGHT), _up(table, points)
    dots = {row: (across.place(x), up.place(y)) for row, (x, y) in points.items()}
    front = pareto(points)
    named = front if len(points) > _NAMED else [*front, *(row for row in points if row not in front)]
    labels = labelled({row: _label(table, row) for row in points}, dots, named, (_LEFT, 0, _RIGHT, _FLOOR))
    marks = "".join(
        _mark(table, row, dots[row], up, column, "dot best" if row in front else "dot", labels.get(row))
        for row in reversed(points)
    )
    where = html(wording.environment(place))
    return (
        f'<figure class="plot"><figcaption><b>Speed against quality.</b> Up and right is better; '
        f"the line joins what nothing beats on both. <span>Measured on {where}.</span></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="CIDEr against images per second on {where}: '
        f'the same figures as in the table">{_grid(across, up)}{_line(dots[row] for row in front)}{marks}'
        f'<text class="told" text-anchor="middle"></text></svg>'
        f"{_legend(table)}</figure>"
    )


def pareto(points: Mapping[Row, tuple[float, float]]) -> list[Row]:
    """The rows that none beats on both figures, the fastest first."""
    front: list[Row] = []
    for row in sorted(points, key=lambda row: (-points[row][0], -points[row][1])):
        if not front or points[row][1] > points[front[-1]][1]:
            front.append(row)
    return front


def _coloured(table: Table) -> str:
    """The part that colours and shapes tell apart: the varying one of few values that recur; or none."""
    counts = {part: len(table.axes[part]) for part in PARTS}
    fit = [part for part in PARTS if 1 < counts[part] <= len(_SHAPES) and counts[part] < len(table.rows)]
    return max(fit, key=counts.__getitem__, default="")


def _label(table: Table, row: Row) -> str:
    """The name of `row`, less what its colour tells."""
    coloured = _coloured(table)
    named = [part for part in table.varying if part != coloured] or table.varying
    return " + ".join(table.short(part, row.parts[PARTS.index(part)]) for part in named)


def _kind(table: Table, row: Row) -> int:
    part = _coloured(table)
    return table.axes[part].index(row.parts[PARTS.index(part)]) if part else 0


def _up(table: Table, points: Mapping[Row, tuple[float, float]]) -> Axis:
    ends = [y for _, y in points.values()]
    for row, standing in zip(table.rows, table.ranking.standings, strict=True):
        if row in points and standing:
            ends += [standing.low, standing.high]
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    return linear(max(0.0, min(ends) - room), max(ends) + room, _FLOOR, _TOP)


def _grid(across: Axis, up: Axis) -> str:
    log = ", log scale" if across.log else ""
    lines = [
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{up.place(y):.1f}" y2="{up.place(y):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{up.place(y) + 4:.1f}" text-anchor="end">{_tick(100 * y)}</text>'
        for y in up.ticks
    ]
    lines += [
        f'<line x1="{across.place(x):.1f}" x2="{across.place(x):.1f}" y1="{_FLOOR}" y2="{_FLOOR + 5}"/>'
        f'<text x="{across.place(x):.1f}" y="{_FLOOR + 19}" text-anchor="middle">{_tick(x)}</text>'
        for x in across.ticks
    ]
    words = (
        f'<text x="0" y="11">CIDEr</text><text x="{_RIGHT}" y="{HEIGHT - 4}" text-anchor="end">'
        f"images per second, from pixels to captions{log}</text>"
    )
    return f'<g class="grid">{"".join(lines)}{words}</g>'


def _tick(value: float) -> str:
    return f"{round(value, 6):g}"


def _line(corners: Iterable[tuple[float, float]]) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polyline class="front" points="{points}"/>'


def _mark(
    table: Table, row: Row, dot: tuple[float, float], up: Axis, column: Column, kind: str, label: Label | None
) -> str:
    (x, y), standing, hue = dot, table.standing(row), _kind(table, row)
    ends = (up.place(standing.high), up.place(standing.low)) if standing else (y, y)
    told = html(f"{table.name(row)}: CIDEr {CIDER.text(row)}, {column.text(row)} images per second")
    name = (
        ""
        if label is None
        else (f'<text x="{label.x:.1f}" y="{label.y:.1f}" text-anchor="{label.anchor}">{html(label.text)}</text>')
    )
    return (
        f'<a href="#{table.anchor(row)}" class="{kind} hue{hue}"><title>{told}</title>'
        f'<path class="span" d="M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}"/>'
        f'<path class="shape" transform="translate({x:.1f} {y:.1f})" d="{_SHAPES[hue]}"/>{name}</a>'
    )


def _legend(table: Table) -> str:
    part = _coloured(table)
    if not part:
        return ""
    return f'<ul class="legend">{"".join(_entries([table.short(part, value) for value in table.axes[part]]))}</ul>'


def _entries(values: Sequence[str]) -> Iterable[str]:
    for hue, value in enumerate(values):
        mark = f'<svg viewBox="-8 -8 16 16" class="dot best hue{hue}" aria-hidden="true"><path d="{_SHAPES[hue]}"/>'
        yield f"<li>{mark}</svg><bdi>{html(value)}</bdi></li>"
