"""A table as a map: one part across, the others down, the deeper the colour the higher the figure."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.columns import CIDER, columns
from benchmarks.leaderboard.tables.formatting import BLANK
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

STEPS = 8
_NARROW = 6  # columns that have room beside the swaps


def heatmap(table: Table) -> Markup:
    """The map of CIDEr, or nothing where fewer than two parts vary; scripts show any other column in it.

    Cells are of the table's `uniform` rows; one of another kind, an ensemble last, stands where there is none of these,
    marked by what distinguishes it from them.
    """
    across = _across(table)
    if not across:
        return Markup()
    uniform = set(table.uniform)
    others = [row for row in table.rows if row not in uniform]  # where nothing else was run, marked
    down = [part for part in table.varying if part != across]
    ordered = [*(row for row in table.rows if row in uniform), *sorted(others, key=lambda row: row.ensemble > 0)]
    cells = {(_values(row, down), row.parts[PARTS.index(across)]): row for row in reversed(ordered)}
    scored = [score for row in cells.values() if (score := CIDER.read(row)) is not None]
    ends = (min(scored, default=0.0), max(scored, default=0.0))
    lines = [
        {
            "names": [table.short(part, value) for part, value in zip(down, values, strict=True)],
            "cells": [_cell(table, cells.get((values, value)), ends) for value in table.axes[across]],
        }
        for values in sorted({values for values, _ in cells})
    ]
    one, shown = table.uniform[0], set(cells.values())
    return render(
        "heatmap.html",
        ensembles=any(row.ensemble and not one.ensemble for row in shown),
        other_objectives=any(row.objective != one.objective for row in shown),
        other_starts=any(table.start(row) != table.start(one) for row in shown),
        wide=len(table.axes[across]) > _NARROW,
        title=f"{' and '.join(down)} × {across}".capitalize(),
        number=table.number,
        columns=columns(table),
        heads=[table.short(across, value) for value in table.axes[across]],
        lines=lines,
        blank=BLANK,
    )


def step(value: float, low: float, high: float) -> int:
    """The depth of colour of `value`, 0 to STEPS - 1, on a scale from `low` to `high`."""
    return round((value - low) / (high - low) * (STEPS - 1)) if high > low else 0


def _across(table: Table) -> str:
    """The attention where it varies, else the decoder; nothing where nothing else varies."""
    varying = [part for part in PARTS if len(table.axes[part]) > 1]
    fit = [part for part in ("attention", "decoder") if part in varying]
    return fit[0] if fit and len(varying) > 1 else ""


def _values(row: Row, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(row.parts[PARTS.index(part)] for part in parts)


def _cell(table: Table, row: Row | None, ends: tuple[float, float]) -> dict[str, Any] | None:
    if row is None:
        return None
    score, one = CIDER.read(row), table.uniform[0]
    otherwise_trained = (row.objective, table.start(row)) != (one.objective, table.start(one))
    return {
        "row": table.anchor(row),
        "text": CIDER.text(row),
        "mark": (f"×{row.ensemble}" if row.ensemble and not one.ensemble else "") + "*" * otherwise_trained,
        "step": None if score is None else step(score, *ends),
    }
