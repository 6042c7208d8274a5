"""The tables without a page around them, for notebooks: no script, no style sheet, so nothing of it leaks out."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column, columns
from benchmarks.leaderboard.tables.formatting import counted, span
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.summary import Summary
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS


def inline(summary: Summary, bad: Sequence[Exception] = ()) -> Markup:
    """Each table with its main columns, then the runs that failed, and the records that are `bad` and do not count."""
    return render(
        "inline.html",
        parts=PARTS,
        tables=[_table(table) for table in summary.tables],
        failed_runs=counted(len(summary.failed), "run"),
        failed=[
            (" + ".join(record.parts.get(part, "") for part in PARTS), wording.variant(record), wording.reason(record))
            for record in summary.failed
        ],
        bad=bad,
    )


def _table(table: Table) -> dict[str, Any]:
    shown = [column for column in columns(table) if column.main]
    return {
        "headline": wording.headline(table),
        "extent": wording.extent(table),
        "notices": wording.notices(table),
        "noise": wording.noise(table),
        "speed": f"Speed on {places}." if (places := wording.places(table)) else "",
        "columns": shown,
        "rows": [_row(table, row, shown) for row in table.rows],
    }


def _row(table: Table, row: Row, shown: Sequence[Column]) -> dict[str, Any]:
    standing = table.standing(row)
    interval = span(standing.low, standing.high) if standing else ""
    return {
        "rank": wording.rank(table, row),
        "parts": row.parts,
        "marks": wording.marks(table, row),
        "cells": [(column.text(row), interval if column is CIDER else "") for column in shown],
        "seeds": len(row.runs),
    }
