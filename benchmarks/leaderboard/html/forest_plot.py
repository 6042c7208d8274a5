"""What swapping one part changes, drawn: one line for each swap, with its interval."""

import math
from collections.abc import Iterable
from itertools import groupby

from benchmarks.leaderboard.html.axes import Axis, linear
from benchmarks.leaderboard.tables.effects import Effect, effects
from benchmarks.leaderboard.tables.formatting import breakable, html, signed
from benchmarks.leaderboard.tables.rows import Table

_WIDTH = 220


def forest(table: Table) -> str:
    """The swaps of every part that varies; nothing where no two entries differ in one part alone."""
    found = effects(table)
    if not found:
        return ""
    across = _scale(found)
    bodies = "".join(_body(table, part, list(swaps), across) for part, swaps in groupby(found, lambda swap: swap.part))
    return (
        '<section class="forest"><h3>What did swapping one part change?</h3>'
        "<p>Mean difference in CIDEr × 100 over pairs of entries that differ in nothing else, with 95 % intervals for "
        "all lines at once.</p>"
        '<div class="scroll" role="region" tabindex="0" '
        f'aria-label="What swapping one part changed in table {table.number}"><table>'
        f'<thead><tr><th scope="col">Swap</th><th scope="col">CIDEr</th><td>{_axis(across)}</td>'
        f'<th scope="col">Higher in</th></tr></thead>{bodies}</table></div></section>'
    )


def _scale(found: Iterable[Effect]) -> Axis:
    ends = [0.0]
    for swap in found:
        ends += [swap.difference, *(end for end in (swap.low, swap.high) if not math.isnan(end))]
    room = 0.04 * (max(ends) - min(ends)) or 0.01
    return linear(min(ends) - room, max(ends) + room, 3, _WIDTH - 3)


def _axis(across: Axis) -> str:
    marks = "".join(
        f'<path d="M{across.place(tick):.1f} 14v4"/>'
        + ("" if index % 2 else f'<text x="{across.place(tick):.1f}" y="10">{round(100 * tick, 6):+g}</text>')
        for index, tick in enumerate(across.ticks)
    )
    return f'<svg class="glyph scale" viewBox="0 0 {_WIDTH} 18" aria-hidden="true">{marks.replace("+0<", "0<")}</svg>'


def _body(table: Table, part: str, swaps: list[Effect], across: Axis) -> str:
    base = f"<bdi>{breakable(table.short(part, swaps[0].base))}</bdi>"
    lines = "".join(_line(table, swap, across) for swap in swaps)
    head = f'<tr><th scope="colgroup" colspan="4">{html(part.capitalize())}, in place of {base}</th></tr>'
    return f"<tbody>{head}{lines}</tbody>"


def _line(table: Table, swap: Effect, across: Axis) -> str:
    interval, drawn = "", ""
    if not math.isnan(swap.low):
        interval = f" <small>{signed(swap.low)} to {signed(swap.high)}</small>"
        drawn = f'<path class="far" d="M{across.place(swap.low):.1f} 9H{across.place(swap.high):.1f}"/>'
    zero = f'<path class="zero" d="M{across.place(0.0):.1f} 0v18"/>'
    mean = f'<path class="mean" d="M{across.place(swap.difference):.1f} 3v12"/>'
    kind = ' class="clear"' if swap.clear else ""
    return (
        f'<tr{kind}><th scope="row"><bdi>{breakable(table.short(swap.part, swap.value))}</bdi></th>'
        f"<td><b>{signed(swap.difference)}</b>{interval}</td>"
        f'<td><svg class="glyph" viewBox="0 0 {_WIDTH} 18" aria-hidden="true">{zero}{drawn}{mean}</svg></td>'
        f"<td>{swap.helped} of {swap.pairs}</td></tr>"
    )
