"""Two entries side by side, with a paired significance test: at first the two best, then whichever a reader picks."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.embedded_data import Panel, links
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.bootstrap import PLANNED
from benchmarks.leaderboard.tables.columns import CIDER, Column
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, signed
from benchmarks.leaderboard.tables.pairwise import VERDICTS, ImageComparison, Versus, percent, versus
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table

_SHOWN = 3  # images on which either is ahead


def comparison(table: Table, shown: Sequence[Column], panel: Panel) -> Markup:
    """The two best rows against each other; nothing where there are no two with a score."""
    rows = [row for row in table.rows if CIDER.read(row) is not None]
    if len(rows) < 2:
        return Markup()
    one, other = rows[:2]
    found = versus(table, one, other)
    return render(
        "comparison.html",
        key=table.key,
        number=table.number,
        sides=[(letter, table.anchor(row), table.name(row)) for letter, row in (("A", one), ("B", other))],
        verdict=significance(table, one, other, found),
        lines=[(each.label, each.text(one), each.text(other), change(each, one, other, found)) for each in shown],
        **_images(table, one, other, panel),
    )


def significance(table: Table, one: Row, other: Row, found: Versus) -> str:
    """The verdict, and on how many of the images A is ahead."""
    better, lesser = ("A", "B") if found.gap >= 0 else ("B", "A")
    text = VERDICTS[found.verdict].format(better=better, other=lesser, entries=len(table.rows))
    wins = percent(table, one, other)
    return text if wins is None else f"{text} A has the higher score on {wins} % of the images, ties counted half."


def change(column: Column, one: Row, other: Row, found: Versus) -> str:
    """A against B: a difference of scores, a ratio of speeds and sizes."""
    ours, theirs = column.read(one), column.read(other)
    if ours is None or theirs is None:
        return BLANK
    if column.kind == "score":
        half = PLANNED * found.error if column is CIDER and found.error is not None else None
        interval = "" if half is None else f" ({signed(ours - theirs - half)} to {signed(ours - theirs + half)})"
        return signed(ours - theirs) + interval
    ratio = ours / theirs if column.kind != "count" and theirs else math.inf
    return _ratio(ratio) if math.isfinite(ratio) else ""


def _ratio(value: float) -> str:
    """To two decimals, a half upwards, as the page's script rounds it."""
    return f"{Decimal(value).quantize(Decimal('0.01'), ROUND_HALF_UP)}×"


def _images(table: Table, one: Row, other: Row, panel: Panel) -> dict[str, Any]:
    """Of the images on which all rows differ most, those on which A or B is furthest ahead."""
    if one not in panel.rows or other not in panel.rows or not panel.images:
        return {"compared": 0, "images": []}
    ours, theirs = panel.rows.index(one), panel.rows.index(other)

    def lead(each: ImageComparison) -> float:
        return each.scores[ours] - each.scores[theirs]

    ordered = sorted(panel.images, key=lead)
    ahead = [each for each in ordered[::-1][:_SHOWN] if lead(each) > 0]
    behind = [each for each in ordered[:_SHOWN] if lead(each) < 0]
    addresses = links(table)
    images = [
        {
            "name": each.image,
            "link": addresses.get(each.image, ""),
            "captions": [
                (letter, each.captions[place], hundred(each.scores[place]))
                for letter, place in (("A", ours), ("B", theirs))
            ],
        }
        for each in ahead + behind
    ]
    return {"compared": len(panel.images), "images": images}
