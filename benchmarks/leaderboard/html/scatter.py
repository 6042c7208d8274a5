"""CIDEr against captioning speed, as SVG: no script, no style but classes."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.axes import Axis, linear, marks, spread
from benchmarks.leaderboard.html.label_placement import place as labelled
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column, rate
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

WIDTH, HEIGHT = 560, 336
_LEFT, _RIGHT, _TOP, _FLOOR = 40, WIDTH - 10, 22, HEIGHT - 46
_CROWDED = 24  # with more entries than this, the intervals of those behind the front are faint
_NAMED = 8  # with more entries than this, only those on the front are named
_SHAPES = (
    "M0-5.2A5.2 5.2 0 1 1 0 5.2A5.2 5.2 0 1 1 0-5.2z",  # a circle
    "M-4.6-4.6H4.6V4.6H-4.6z",  # a square
    "M0-6.6L6.6 0L0 6.6L-6.6 0z",  # a diamond
    "M0-6L6 5H-6z",  # a triangle
    "M0 6L6-5H-6z",  # one upside down
    "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2z",  # a cross
)


def plots(table: Table) -> Markup:
    """A figure for each place where speeds were measured; scripts show one of them at a time."""
    figures = [figure for place in table.places if (figure := _figure(table, place))]
    part = _coloured(table)
    values = [table.short(part, value) for value in table.axes[part]] if part else []
    frame = {"width": WIDTH, "height": HEIGHT, "left": _LEFT, "right": _RIGHT, "floor": _FLOOR}
    return render("plots.html", figures=figures, legend=list(zip(values, _SHAPES, strict=False)), **frame)


def _figure(table: Table, place: Hardware) -> dict[str, Any] | None:
    """The figure, or none where fewer than two entries have both; its dots link to their rows."""
    column = rate(table, place)
    points = {row: (x, y) for row in table.rows if (x := column.read(row)) and (y := CIDER.read(row)) is not None}
    if len(points) < 2:
        return None
    across, up = spread([x for x, _ in points.values()], _LEFT + 14, _RIGHT), _up(table, points)
    dots = {row: (across.place(x), up.place(y)) for row, (x, y) in points.items()}
    front = pareto(points)
    named = front if len(points) > _NAMED else [*front, *(row for row in points if row not in front)]
    labels = labelled({row: _label(table, row) for row in points}, dots, named, (_LEFT, 0, _RIGHT, _FLOOR))
    return {
        "environment": wording.environment(place),
        "up": marks(up, times=100),
        "across": marks(across),
        "log": across.log,
        "crowded": len(points) > _CROWDED,
        "front": [dots[row] for row in front],
        "marks": [
            {"best": row in front, "label": labels.get(row), **_mark(table, row, dots[row], up, column)}
            for row in reversed(points)
        ],
    }


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
    """The name of `row`, less the part that its colour shows."""
    coloured = _coloured(table)
    named = [part for part in table.varying if part != coloured] or table.varying
    label = " + ".join(table.short(part, row.parts[PARTS.index(part)]) for part in named)
    label += " distilled" * bool(row.objective) + (f" ×{row.ensemble}" if row.ensemble else "")
    return label + (f" from {row.starts[0]}" if row in table.parted else "")


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


def _mark(table: Table, row: Row, dot: tuple[float, float], up: Axis, column: Column) -> dict[str, Any]:
    (x, y), standing, hue = dot, table.standing(row), _kind(table, row)
    return {
        "row": table.anchor(row),
        "title": f"{table.name(row)}: CIDEr {CIDER.text(row)}, {column.text(row)} images per second",
        "x": x,
        "y": y,
        "ends": (up.place(standing.high), up.place(standing.low)) if standing else (y, y),
        "hue": hue,
        "shape": _SHAPES[hue],
    }
