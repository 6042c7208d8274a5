"""A table as a map: one part across, the others down, the deeper the colour the higher the figure."""

from collections.abc import Sequence

from benchmarks.leaderboard.tables.columns import CIDER, columns
from benchmarks.leaderboard.tables.formatting import BLANK, breakable, html
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.records.record import PARTS

STEPS = 8


def heat(table: Table) -> str:
    """The map of CIDEr, or nothing where fewer than two parts vary; scripts show any other column in it."""
    across = _across(table)
    if not across:
        return ""
    down = [part for part in table.varying if part != across]
    cells = {(_values(row, down), row.parts[PARTS.index(across)]): row for row in reversed(table.rows)}
    heads = "".join(f'<th scope="col">{_name(table, [across], [value])}</th>' for value in table.axes[across])
    scored = [score for row in cells.values() if (score := CIDER.read(row)) is not None]
    ends = (min(scored, default=0.0), max(scored, default=0.0))
    lines = "".join(
        f'<tr><th scope="row">{_name(table, down, values)}</th>'
        + "".join(_cell(table, cells.get((values, value)), ends) for value in table.axes[across])
        + "</tr>"
        for values in sorted({values for values, _ in cells})
    )
    options = "".join(f'<option value="{html(each.key)}">{html(each.label)}</option>' for each in columns(table))
    title = f"{' and '.join(down)} × {across}".capitalize()
    return (
        f'<section class="heat"><h3>{title}</h3>'
        f'<p><label class="js">Figure shown <select name="heat">{options}</select></label>'
        '<span class="nojs">CIDEr × 100.</span> Deeper colour: a higher figure. A cell leads to its row.</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title} in table {table.number}"><table>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{lines}</tbody></table></div></section>"
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


def _name(table: Table, parts: Sequence[str], values: Sequence[str]) -> str:
    names = (table.short(part, value) for part, value in zip(parts, values, strict=True))
    return " + ".join(f"<bdi>{breakable(name)}</bdi>" for name in names)


def _cell(table: Table, row: Row | None, ends: tuple[float, float]) -> str:
    if row is None:
        return f"<td>{BLANK}</td>"
    score = CIDER.read(row)
    depth = "" if score is None else f' class="s{step(score, *ends)}"'
    return f'<td{depth}><a href="#{table.anchor(row)}">{CIDER.text(row)}</a></td>'
