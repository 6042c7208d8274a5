"""The rows of a table, as an HTML table that is whole without scripts."""

from collections.abc import Iterable, Sequence

from benchmarks.leaderboard.html.axes import Axis
from benchmarks.leaderboard.html.interval_glyph import LEGEND, axis, glyph, scale
from benchmarks.leaderboard.html.paths import FOLDER, name_of
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column
from benchmarks.leaderboard.tables.formatting import breakable, html, span
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.records.record import PARTS


def grid(table: Table, shown: Sequence[Column]) -> str:
    """Rank, entry and every column; which of them are seen is up to the boxes of the filter bar."""
    across = scale(table)
    rows = "\n".join(_row(table, row, shown, across) for row in table.rows)
    return (
        f'<div class="scroll rows" role="region" tabindex="0" aria-label="Rows of {html(wording.headline(table))}, '
        f'table {table.number}"><table><caption><div>{_caption(table)}</div></caption>'
        f"<thead>{_heads(shown, across)}</thead>"
        f'<tbody>\n{rows}\n</tbody></table><p class="none" hidden>No entry matches.</p></div>'
    )


def _caption(table: Table) -> str:
    if not any(table.ranking.standings):
        return f"By mean CIDEr. {wording.noise(table)}"
    if len(table.rows) == 1:
        return f"{LEGEND} thin: the score over all images of the kind."
    first = "tied for first" if len(table.tied) > 1 else "first"
    seeds, ticks = ("", "") if table.ranking.seed_sd is None else (" and seeds", " Ticks: single seeds.")
    return (
        f'By mean CIDEr; a rank is as narrow as these images can tell. <span class="swatch"></span> {first}. '
        f"{LEGEND} thick: to compare rows by; thin: the score over all images of the kind{seeds}.{ticks}"
    )


def _heads(shown: Sequence[Column], across: Axis | None) -> str:
    cells = [_head("Rank", "95 %", "rank"), _head("Entry", "leads to its card", "entry")]
    for column in shown:
        if column is CIDER:
            inner = f"<span>{_button(column.title)}<small>{column.unit}</small></span>{axis(across) if across else ''}"
            cells.append(f'<th scope="col" class="cider" aria-sort="descending"><div>{inner}</div></th>')
        else:
            cells.append(_head(column.title, column.unit))
    return f"<tr>{''.join(cells)}</tr>"


def _head(title: str, unit: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<th scope="col"{named}>{_button(title)}<small>{html(unit)}</small></th>'


def _button(title: str) -> str:
    return f'<button type="button" disabled>{html(title)}</button>'


def _row(table: Table, row: Row, shown: Sequence[Column], across: Axis | None) -> str:
    cells = "".join(_cell(table, row, column, across) for column in shown)
    first = ' class="first"' if len(table.rows) > 1 and row in table.tied else ""
    return (
        f'<tr id="{table.anchor(row)}"{first}><td class="rank">{wording.rank(table, row)}</td>'
        f'<th scope="row" class="entry">{_entry(table, row)}</th>{cells}</tr>'
    )


def _entry(table: Table, row: Row) -> str:
    """What differs between rows first; with all three parts different, the backbone alone."""
    parts = dict(zip(PARTS, row.parts, strict=True))
    bold = table.varying[: 2 if len(table.varying) == 2 else 1]
    rest = [part for part in PARTS if part not in bold]
    marks = "".join(f' <em class="mark">{html(mark)}</em>' for mark in wording.marks(table, row))
    name, card = _joined(parts[part] for part in bold), name_of(row.runs[0])
    linked = f'<a href="{FOLDER}/{card}">{name}</a>' if card else name
    return f"<b>{linked}</b><span>{_joined(parts[part] for part in rest)}{marks}</span>"


def _joined(parts: Iterable[str]) -> str:
    return "<i> + </i>".join(f"<bdi>{breakable(part)}</bdi>" for part in parts)


def _cell(table: Table, row: Row, column: Column, across: Axis | None) -> str:
    if column is not CIDER:
        return f"<td>{column.text(row)}</td>"
    standing = table.standing(row)
    interval = f"<small>{span(standing.low, standing.high)}</small>" if standing else ""
    drawn = glyph(table, row, across) if across else ""
    return f'<td class="cider"><div><b>{column.text(row)}</b>{drawn}{interval}</div></td>'
