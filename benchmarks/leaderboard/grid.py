"""The rows of a table, as an HTML table that is whole without scripts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from benchmarks.leaderboard import wording
from benchmarks.leaderboard.columns import CIDER, Column, columns
from benchmarks.leaderboard.glyph import LEGEND, axis, glyph, scale
from benchmarks.leaderboard.rows import PARTS, Row, Table
from benchmarks.leaderboard.scales import Axis
from benchmarks.leaderboard.text import breakable, html, span


def grid(table: Table, anchors: Mapping[Row, str]) -> str:
    """Rank, entry and every column; `anchors` are the ids of the rows."""
    shown = sorted(columns(table), key=lambda column: not column.main)
    across = scale(table)
    rows = "\n".join(_row(table, row, shown, across, anchors[row]) for row in table.rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="Rows of {html(wording.identity(table))}">'
        f"<table><caption><div>{_caption(table)}</div></caption><thead>{_groups(shown)}{_heads(shown, across)}</thead>"
        f'<tbody>\n{rows}\n</tbody></table><p class="none" hidden>No entry matches.</p></div>'
    )


def _caption(table: Table) -> str:
    if not any(table.ranking.standings):
        return f"By mean CIDEr. {wording.noise(table)}"
    if len(table.rows) == 1:
        return f"{LEGEND} thin: the score on other images."
    first = "tied for first" if len(table.tied()) > 1 else "first"
    seeds, ticks = ("", "") if table.ranking.seed_sd is None else (" and seeds", " Ticks: single seeds.")
    return (
        f'By mean CIDEr; a rank is as narrow as these images can tell. <span class="swatch"></span> {first}. '
        f"{LEGEND} thick: to compare rows by; thin: the score on other images{seeds}.{ticks}"
    )


def _groups(shown: Sequence[Column]) -> str:
    cells = ""
    for (main, group), members in groupby(shown, key=lambda column: (column.main, column.group)):
        cells += f'<th scope="colgroup" colspan="{len(list(members))}"{_class(main)}>{html(group)}</th>'
    return f'<tr class="groups"><td colspan="2"></td>{cells}</tr>'


def _heads(shown: Sequence[Column], across: Axis | None) -> str:
    cells = [
        f'<th scope="col" class="rank">{_button("Rank")}</th>',
        f'<th scope="col" class="entry">{_button("Entry")}</th>',
    ]
    for column in shown:
        if column is CIDER:
            inner = _button(column.title) + (axis(across) if across else "")
            cells.append(f'<th scope="col" class="cider" aria-sort="descending"><div>{inner}</div></th>')
        else:
            cells.append(f'<th scope="col"{_class(column.main, "side")}>{_button(column.title)}</th>')
    return f"<tr>{''.join(cells)}</tr>"


def _button(title: str) -> str:
    return f'<button type="button" disabled>{html(title)}</button>'


def _class(main: bool, *others: str) -> str:
    names = [*others, *([] if main else ["more"])]
    return f' class="{" ".join(names)}"' if names else ""


def _row(table: Table, row: Row, shown: Sequence[Column], across: Axis | None, anchor: str) -> str:
    standing = table.standing(row)
    data = "".join(f' data-{part}="{html(value)}"' for part, value in zip(PARTS, row.parts, strict=True))
    cells = "".join(_cell(table, row, column, across) for column in shown)
    place = "" if standing is None else f' data-v="{standing.first}"'
    first = ' class="first"' if len(table.rows) > 1 and row in table.tied() else ""
    return (
        f'<tr id="{anchor}"{first}{data}><td class="rank"{place}>{wording.rank(table, row)}</td>'
        f'<th scope="row" class="entry">{_entry(table, row)}</th>{cells}</tr>'
    )


def _entry(table: Table, row: Row) -> str:
    """What differs between rows first; with all three parts different, the backbone alone."""
    parts = dict(zip(PARTS, row.parts, strict=True))
    bold = table.varying[: 2 if len(table.varying) == 2 else 1]
    rest = [part for part in PARTS if part not in bold]
    marks = "".join(f' <em class="mark">{html(mark)}</em>' for mark in wording.marks(table, row))
    return f"<b>{_joined(parts[part] for part in bold)}</b><span>{_joined(parts[part] for part in rest)}{marks}</span>"


def _joined(parts: Iterable[str]) -> str:
    return "<i> + </i>".join(f"<bdi>{breakable(part)}</bdi>" for part in parts)


def _cell(table: Table, row: Row, column: Column, across: Axis | None) -> str:
    value = column.read(row)
    data = "" if value is None else f' data-v="{value:.7g}"'
    if column is not CIDER:
        return f"<td{_class(column.main, 'side')}{data}>{column.text(row)}</td>"
    standing = table.standing(row)
    interval = f"<small>{span(standing.low, standing.high)}</small>" if standing else ""
    drawn = glyph(table, row, across) if across else ""
    return f'<td class="cider"{data}><div><b>{column.text(row)}</b>{drawn}{interval}</div></td>'
