"""One table of the page: what it is on, what it says, its plot, its rows, how they came about."""

from markupsafe import Markup

from benchmarks.leaderboard.html.best_samples import best_samples
from benchmarks.leaderboard.html.comparison import comparison
from benchmarks.leaderboard.html.embedded_data import Panel, data
from benchmarks.leaderboard.html.forest_plot import forest_plot
from benchmarks.leaderboard.html.grid import grid
from benchmarks.leaderboard.html.heatmap import heatmap
from benchmarks.leaderboard.html.scatter import plots
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.findings import Finding, findings
from benchmarks.leaderboard.tables.formatting import hundred
from benchmarks.leaderboard.tables.hardware import versions
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

_LONG = 20  # entries, behind which nobody finds what lies below them


def section(table: Table) -> Markup:
    """The section of `table`; the ids in it start with its key."""
    shown, panel = columns(table), Panel.of(table)
    return render(
        "section.html",
        key=table.key,
        number=table.number,
        dataset=table.dataset,
        split=table.split,
        headline=wording.headline(table),
        extent=wording.extent(table),
        notices=wording.notices(table),
        findings=[
            {"question": each.question, "answer": each.answer, "pieces": _pieces(table, each)}
            for each in findings(table)
        ],
        terms=_terms(table),
        count=len(table.rows),
        axes=[(part, [(value, value) for value in table.axes[part]]) for part in PARTS if len(table.axes[part]) > 1],
        columns=shown,
        plots=plots(table),
        grid=grid(table, shown),
        heatmap=heatmap(table),
        forest_plot=forest_plot(table),
        best_samples=best_samples(table),
        comparison=comparison(table, shown, panel),
        long=len(table.rows) > _LONG,
        made=_made(table),
        data=data(table, shown, panel),
    )


def _pieces(table: Table, finding: Finding) -> list[tuple[str, str]]:
    """The text of a finding in pieces; one that names a row comes with the row's id."""
    return [(table.name(each), table.anchor(each)) if isinstance(each, Row) else (each, "") for each in finding.text]


def _terms(table: Table) -> list[tuple[str, str]]:
    """What every number of the table rests on, above the first of them."""
    protocol = "; ".join(f"{name} {value}" for name, value in wording.protocol(table))
    terms = [(part.capitalize(), table.axes[part][0]) for part in table.shared]
    terms += [("Scorer", table.signature), ("Protocol", protocol), ("Speed on", wording.places(table))]
    return [(term, text) for term, text in terms if text]


def _made(table: Table) -> list[tuple[str, str]]:
    """All else that the figures depend on."""
    weights = sorted({f"{row.parts[0]}: {row.weights}" for row in table.rows if row.weights})
    environments = versions(run for row in table.rows for run in row.runs)
    facts = [
        ("Data set", f"{wording.headline(table)}, fingerprint {table.fingerprint}"),
        *((f"Data, {name}", text) for name, text in wording.data(table)),
        ("Backbone weights", "; ".join(weights)),
        ("Versions and machine", "; ".join(f"{name} {' or '.join(values)}" for name, values in environments.items())),
        ("Seeds", f"{wording.seeds(table)}. {wording.noise(table)}"),
    ]
    if table.ranking.resolution is not None:
        facts.append(("Resolution", f"about {hundred(table.ranking.resolution)} CIDEr between two entries"))
    return [(term, text) for term, text in facts if text]
