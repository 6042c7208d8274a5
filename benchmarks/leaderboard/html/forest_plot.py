"""What swapping one part changes, drawn: one line for each swap, with its interval."""

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.axes import Axis, Mark, linear, marks
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.effects import Effect, effects
from benchmarks.leaderboard.tables.formatting import signed
from benchmarks.leaderboard.tables.table import Table

_WIDTH = 220


def forest_plot(table: Table) -> Markup:
    """The swaps of every part that varies; nothing where no two entries differ in one part alone."""
    found = effects(table)
    if not found:
        return Markup()
    across = _scale(found)
    parts = [
        {
            "title": part.capitalize(),
            "base": table.short(part, swaps[0].base),
            "swaps": [_swap(table, swap, across) for swap in swaps],
        }
        for part, swaps in ((part, list(group)) for part, group in groupby(found, lambda swap: swap.part))
    ]
    zero = across.place(0.0)
    scale = [Mark(at, f"+{label}" if at > zero else label) for at, label in marks(across, times=100)]
    return render("forest_plot.html", number=table.number, width=_WIDTH, marks=scale, zero=zero, parts=parts)


def _scale(found: Iterable[Effect]) -> Axis:
    ends = [0.0]
    for swap in found:
        ends += [swap.difference, *(end for end in (swap.low, swap.high) if not math.isnan(end))]
    room = 0.04 * (max(ends) - min(ends)) or 0.01
    return linear(min(ends) - room, max(ends) + room, 3, _WIDTH - 3)


def _swap(table: Table, swap: Effect, across: Axis) -> dict[str, Any]:
    unsure = math.isnan(swap.low)
    return {
        "value": table.short(swap.part, swap.value),
        "difference": signed(swap.difference),
        "interval": "" if unsure else f"{signed(swap.low)} to {signed(swap.high)}",
        "ends": None if unsure else (across.place(swap.low), across.place(swap.high)),
        "mean": across.place(swap.difference),
        "clear": swap.clear,
        "helped": swap.helped,
        "pairs": swap.pairs,
    }
