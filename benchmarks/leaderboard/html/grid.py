"""The rows of a table, as an HTML table that is whole without scripts."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.axes import Axis
from benchmarks.leaderboard.html.interval_glyph import axis, glyph, scale
from benchmarks.leaderboard.html.paths import FOLDER, name_of
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column
from benchmarks.leaderboard.tables.formatting import span
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS


def grid(table: Table, shown: Sequence[Column]) -> Markup:
    """Rank, entry and every column; which of them are seen is up to the boxes of the filter bar."""
    across = scale(table)
    return render(
        "grid.html",
        headline=wording.headline(table),
        number=table.number,
        noise=wording.noise(table),
        ranked=any(table.ranking.standings),
        tied=len(table.tied),
        seeds=table.ranking.seed_sd is not None,
        axis=axis(across) if across else "",
        columns=[{"title": each.title, "unit": each.unit, "cider": each is CIDER} for each in shown],
        rows=[_row(table, row, shown, across) for row in table.rows],
    )


def _row(table: Table, row: Row, shown: Sequence[Column], across: Axis | None) -> dict[str, Any]:
    """What differs between rows, first in short and then as spelled; what all share stands above the table."""
    spelled = [row.parts[PARTS.index(part)] for part in table.varying]
    short = [table.short(part, text) for part, text in zip(table.varying, spelled, strict=True)]
    card, standing = name_of(row.runs[0]), table.standing(row)
    return {
        "id": table.anchor(row),
        "first": len(table.rows) > 1 and standing is not None and standing.first == 1,
        "rank": wording.rank(table, row),
        "card": f"{FOLDER}/{card}" if card else "",
        "short": short,
        "spelled": [text for text, name in zip(spelled, short, strict=True) if text != name],
        "marks": wording.marks(table, row),
        "cells": [{"text": column.text(row), "cider": column is CIDER} for column in shown],
        "glyph": glyph(table, row, across) if across else "",
        "interval": span(standing.low, standing.high) if standing else "",
    }
