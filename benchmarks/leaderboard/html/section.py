"""One table of the page: what it is on, what it says, its plot, its rows, how they came about."""

from collections.abc import Iterable
from html import escape

from benchmarks.leaderboard.html.best_samples import excerpt
from benchmarks.leaderboard.html.comparison import comparison
from benchmarks.leaderboard.html.embedded_data import Panel, data
from benchmarks.leaderboard.html.forest_plot import forest
from benchmarks.leaderboard.html.grid import grid
from benchmarks.leaderboard.html.heatmap import heat
from benchmarks.leaderboard.html.scatter import plots
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import Column, columns
from benchmarks.leaderboard.tables.findings import findings
from benchmarks.leaderboard.tables.formatting import breakable, html, hundred
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.records.record import PARTS

# Names in the filter of which rows to show, and what they mean.
_PRESETS = (("first", "tied for first"), ("front", "on the front"), ("backbone", "best of each backbone"))


def board(table: Table) -> str:
    """The section of `table`; the ids in it start with its key."""
    key, shown, panel = table.key, columns(table), Panel.of(table)
    split = f" <small><bdi>{html(table.split)}</bdi></small>" if table.split else ""
    notice = "".join(f'<p class="notice">{text}</p>' for text in wording.notices(table))
    return (
        f'<section class="board" id="{key}" aria-labelledby="{key}-title {key}-facts">'
        f'<h2 id="{key}-title"><bdi>{breakable(table.dataset)}</bdi>{split}</h2>'
        f'<p class="facts" id="{key}-facts">{wording.extent(table)}</p>'
        f'{notice}<div class="top"><div class="findings">{"".join(_findings(table))}</div>{plots(table)}</div>'
        f"{_terms(table)}{_bar(table, shown)}{grid(table, shown)}"
        f'<div class="parts">{heat(table)}{forest(table)}</div>{excerpt(table)}{comparison(table, shown, panel)}'
        f"{_made(table)}{data(table, shown, panel)}</section>"
    )


def _findings(table: Table) -> Iterable[str]:
    for finding in findings(table):
        text = "".join(
            f'<a href="#{table.anchor(piece)}"><bdi>{breakable(table.name(piece))}</bdi></a>'
            if isinstance(piece, Row)
            else escape(piece)
            for piece in finding.text
        )
        yield f"<div><h3>{finding.question}</h3><p><b>{escape(finding.answer)}</b></p><p>{text}</p></div>"


def _terms(table: Table) -> str:
    """What every number of the table rests on, above the first of them."""
    protocol = "; ".join(f"{name} {said}" for name, said in wording.protocol(table))
    facts = [("Scorer", table.signature), ("Protocol", protocol), ("Speed on", wording.places(table))]
    items = "".join(f"<div><dt>{name}</dt><dd>{breakable(said)}</dd></div>" for name, said in facts if said)
    return f'<dl class="terms">{items}</dl>'


def _bar(table: Table, shown: list[Column]) -> str:
    """Search, a choice for each part that varies and which rows, where scripts run; columns without them too."""
    count = len(table.rows)
    choices = ""
    if count > 1:
        choices = '<label class="js">Find<input type="search" name="q" autocomplete="off" spellcheck="false"></label>'
        choices += "".join(_choice(part, part, table.axes[part]) for part in PARTS if len(table.axes[part]) > 1)
        choices += _select("rows", "Show", "every entry", _PRESETS)
        choices += '<span class="nojs">Sorting and filtering need scripts; all else is here.</span>'
        choices += f'<output class="js" aria-live="polite">{count} of {count} shown</output>'
    boxes = "".join(
        f'<label><input type="checkbox" value="{place}"{" checked" if each.main else ""}>{html(each.label)}</label>'
        for place, each in enumerate(shown, start=1)
    )
    return (
        f'<form class="bar" aria-label="Filter {html(wording.headline(table))}, table {table.number}">{choices}'
        f'<details class="columns"><summary>Columns</summary><fieldset><legend>Columns shown</legend>{boxes}</fieldset>'
        f'</details><p class="js picks" aria-live="polite"></p></form>'
    )


def _choice(name: str, label: str, values: Iterable[str]) -> str:
    return _select(name, label.capitalize(), "all", ((value, value) for value in values))


def _select(name: str, label: str, every: str, options: Iterable[tuple[str, str]]) -> str:
    rest = "".join(f'<option value="{html(value)}">{html(said)}</option>' for value, said in options)
    return f'<label class="js">{label}<select name="{name}"><option value="">{every}</option>{rest}</select></label>'


def _made(table: Table) -> str:
    """All else that the figures depend on."""
    weights = sorted({f"{row.parts[0]}: {row.weights}" for row in table.rows if row.weights})
    facts = [
        ("Data set", f"{wording.headline(table)}, fingerprint {table.fingerprint}"),
        *((f"Data, {name}", text) for name, text in wording.data(table)),
        ("Backbone weights", "; ".join(weights)),
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
