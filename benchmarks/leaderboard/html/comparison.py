"""Two rows side by side: at first the two best, then whichever a reader picks."""

from collections.abc import Sequence

from benchmarks.leaderboard.html.embedded_data import Panel, links
from benchmarks.leaderboard.tables.bootstrap import PLANNED
from benchmarks.leaderboard.tables.columns import CIDER, Column
from benchmarks.leaderboard.tables.formatting import BLANK, breakable, html, hundred, signed
from benchmarks.leaderboard.tables.pairwise import VERDICTS, Judged, Versus, percent, versus
from benchmarks.leaderboard.tables.rows import Row, Table

_SHOWN = 3  # images on which either is ahead


def comparison(table: Table, shown: Sequence[Column], panel: Panel) -> str:
    """The two best rows against each other; nothing where there are no two with a score."""
    rows = [row for row in table.rows if CIDER.read(row) is not None]
    if len(rows) < 2:
        return ""
    one, other = rows[:2]
    found = versus(table, one, other)
    lines = "".join(_line(each, one, other, found) for each in shown)
    return (
        f'<section class="versus" id="{table.key}-versus"><h3>Compare two</h3>'
        f"{_side(table, one, 'A')}{_side(table, other, 'B')}"
        '<p class="js"><button type="button" name="swap">Swap A and B</button></p>'
        f'<p class="verdict" aria-live="polite">{html(said(table, one, other, found))}</p>'
        '<div class="sides"><div class="scroll" role="region" tabindex="0" '
        f'aria-label="A and B of table {table.number}, figure by figure">'
        "<table><caption>The columns chosen above</caption><thead>"
        '<tr><td></td><th scope="col">A</th><th scope="col">B</th>'
        '<th scope="col">A to B<small>95 %, if planned</small></th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{_images(table, one, other, panel)}</div></section>"
    )


def _side(table: Table, row: Row, letter: str) -> str:
    name = f'<a href="#{table.anchor(row)}"><bdi>{breakable(table.name(row))}</bdi></a>'
    choice = f'<label class="js"><select name="{letter}" aria-label="Entry {letter}"></select></label>'
    return f'<p class="side{letter}"><i>{letter}</i> {choice}<span class="nojs">{name}</span></p>'


def said(table: Table, one: Row, other: Row, found: Versus) -> str:
    """The verdict, and on how many of the images A is ahead."""
    better, lesser = ("A", "B") if found.gap >= 0 else ("B", "A")
    text = VERDICTS[found.verdict].format(better=better, other=lesser, entries=len(table.rows))
    wins = percent(table, one, other)
    return text if wins is None else f"{text} A has the higher score on {wins} % of the images, ties counted half."


def change(column: Column, one: Row, other: Row, found: Versus) -> str:
    """From B to A: a difference of scores, a ratio of speeds and sizes."""
    ours, theirs = column.read(one), column.read(other)
    if ours is None or theirs is None:
        return BLANK
    if column.kind == "score":
        half = PLANNED * found.error if column is CIDER and found.error is not None else None
        interval = "" if half is None else f" ({signed(ours - theirs - half)} to {signed(ours - theirs + half)})"
        return signed(ours - theirs) + interval
    return f"{ours / theirs:.2f}×" if column.kind != "count" and theirs else ""


def _line(column: Column, one: Row, other: Row, found: Versus) -> str:
    return (
        f'<tr><th scope="row">{html(column.label)}</th><td>{column.text(one)}</td><td>{column.text(other)}</td>'
        f"<td>{change(column, one, other, found)}</td></tr>"
    )


def _images(table: Table, one: Row, other: Row, panel: Panel) -> str:
    """Of the images on which all rows differ most, those on which A or B is furthest ahead."""
    if one not in panel.rows or other not in panel.rows or not panel.images:
        return ""
    ours, theirs = panel.rows.index(one), panel.rows.index(other)

    def lead(each: Judged) -> float:
        return each.scores[ours] - each.scores[theirs]

    ordered = sorted(panel.images, key=lead)
    ahead = [each for each in ordered[::-1][:_SHOWN] if lead(each) > 0]
    behind = [each for each in ordered[:_SHOWN] if lead(each) < 0]
    known = links(table)
    items = "".join(_image(each, known.get(each.image, ""), ours, theirs) for each in ahead + behind)
    return (
        f"<div><h4>Where they differ most</h4><p>Among the {len(panel.images)} images on which the entries of this "
        "table differ most: first where A is ahead, then where B is. One run of each; CIDEr × 100 in brackets.</p>"
        f'<ul class="images">{items}</ul></div>'
    )


def _image(each: Judged, address: str, ours: int, theirs: int) -> str:
    name = f"image {html(each.image)}"
    named = f'<a href="{html(address)}" rel="noreferrer">{name}</a>' if address else name
    said = ""
    for letter, place in (("A", ours), ("B", theirs)):
        score = f"({hundred(each.scores[place])})"
        said += f'<p class="side{letter}"><i>{letter}</i> <q>{html(each.captions[place])}</q> {score}</p>'
    return f"<li><b>{named}</b>{said}</li>"
