"""One table of the page: what it is on, what it says, its plot, its rows, how they came about."""

from collections.abc import Iterable, Mapping
from html import escape

from benchmarks.leaderboard import wording
from benchmarks.leaderboard.findings import findings
from benchmarks.leaderboard.grid import grid
from benchmarks.leaderboard.plot import plot
from benchmarks.leaderboard.rows import PARTS, Row, Table
from benchmarks.leaderboard.text import breakable, html, hundred


def board(table: Table, name: str) -> str:
    """The section of `table`; the ids in it start with `name`."""
    anchors = {row: f"{name}-{place}" for place, row in enumerate(table.rows, start=1)}
    split = f" <small><bdi>{html(table.split)}</bdi></small>" if table.split else ""
    notice = "".join(f'<p class="notice">{text}</p>' for text in wording.notices(table))
    return (
        f'<section class="board" id="{name}" aria-labelledby="{name}-title {name}-facts">'
        f'<h2 id="{name}-title"><bdi>{breakable(table.dataset)}</bdi>{split}</h2>'
        f'<p class="facts" id="{name}-facts">{wording.extent(table)} · {html(wording.environment(table.place))}</p>'
        f'{notice}<div class="top"><div class="findings">{"".join(_findings(table, anchors))}</div>'
        f"{plot(table, anchors)}</div>{_bar(table)}{grid(table, anchors)}{_made(table)}</section>"
    )


def _findings(table: Table, anchors: Mapping[Row, str]) -> Iterable[str]:
    for finding in findings(table):
        text = "".join(
            f'<a href="#{anchors[piece]}"><bdi>{breakable(table.name(piece))}</bdi></a>'
            if isinstance(piece, Row)
            else escape(piece)
            for piece in finding.text
        )
        yield f"<div><h3>{finding.question}</h3><p><b>{escape(finding.answer)}</b></p><p>{text}</p></div>"


def _bar(table: Table) -> str:
    """Search and one choice for each part that varies, shown when scripts run; columns without."""
    count = len(table.rows)
    choices = ""
    if count > 1:
        choices = '<label class="js">Find<input type="search" autocomplete="off" spellcheck="false"></label>'
        choices += "".join(_choice(part, table.axes[part]) for part in PARTS if len(table.axes[part]) > 1)
        choices += '<span class="nojs">Sorting and filtering need scripts; all else is here.</span>'
        choices += f'<output class="js" aria-live="polite">{count} of {count} shown</output>'
    return (
        f'<form class="bar" aria-label="Filter {html(wording.identity(table))}">{choices}'
        '<label class="all"><input type="checkbox"> all columns</label></form>'
    )


def _choice(part: str, values: Iterable[str]) -> str:
    options = "".join(f'<option value="{html(value)}">{html(value)}</option>' for value in values)
    every = '<option value="">all</option>'
    return f'<label class="js">{part.capitalize()}<select name="{part}">{every}{options}</select></label>'


def _made(table: Table) -> str:
    """All that the figures depend on."""
    weights = sorted({f"{row.parts[0]}: {row.weights}" for row in table.rows if row.weights})
    facts = [
        ("Data set", f"{wording.headline(table)}, fingerprint {table.fingerprint}"),
        *((f"Data, {name}", text) for name, text in wording.data(table)),
        ("Scorer", table.signature),
        *((f"Protocol, {name}", text) for name, text in wording.protocol(table)),
        ("Backbone weights", "; ".join(weights)),
        ("Speed measured on", wording.environment(table.place)),
        (
            "Versions and machine",
            "; ".join(f"{name} {' or '.join(values)}" for name, values in table.versions().items()),
        ),
        ("Seeds", f"{wording.seeds(table)}. {wording.noise(table)}"),
    ]
    if table.ranking.resolution is not None:
        facts.append(("Resolution", f"about {hundred(table.ranking.resolution)} CIDEr between two entries"))
    items = "".join(f"<dt>{html(name)}</dt><dd>{breakable(text)}</dd>" for name, text in facts if text)
    return f'<details class="made"><summary>How this table was made</summary><dl>{items}</dl></details>'
