"""The page: one HTML file that asks nobody for anything."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from benchmarks.leaderboard.html.document import document, text_of
from benchmarks.leaderboard.html.section import board
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import RATES, SCORES, SIZES, columns
from benchmarks.leaderboard.tables.formatting import breakable, counted, html
from benchmarks.leaderboard.tables.rows import Hardware
from benchmarks.leaderboard.tables.summary import Summary
from benchmarks.records.record import PARTS, RunRecord

_READING = (
    (
        "Entry",
        "One backbone, one attention and one decoder in the same template. What differs between entries comes first.",
    ),
    (
        "Rank",
        "At best right behind the entries that are clearly better, at worst right before those that are clearly worse. "
        "Clear is what a paired bootstrap over the test images finds with 95 % confidence for all pairs of the table "
        "at once (max-t). Tied for first: nothing is clearly better, which does not mean equal.",
    ),
    (
        "Intervals",
        "95 %. Thin: of the score over all images of the kind, of which these are some. Thick: what the entries share, "
        "such as hard images, is taken out; compare rows by it. Noise between seeds is taken to be alike in all.",
    ),
    (
        "Swaps",
        "Every pair of entries that differ in one part alone says what that part changes. The mean over all pairs, "
        "with an interval that holds for all swaps of the table at once.",
    ),
    ("Machines", "Speeds are medians on one machine. Where there are several, each has columns and a plot of its own."),
    ("Mean attention", "Averages all places of the image alike: what the other attentions add, they add to this."),
    ("Random weights", "The backbone never learnt anything: the row says nothing of how good it is."),
)


_STYLES = ("page", "parts", "sample", "table")
_SCRIPTS = ("look", "state", "table", "plot", "versus", "heat", "page")


def page(summary: Summary) -> str:
    """`summary` as a whole HTML document."""
    style = text_of(*(f"{name}.css" for name in _STYLES)) + _columns(summary)
    script = text_of(*(f"{name}.js" for name in _SCRIPTS))
    boards = _boards(summary) if summary.tables else _EMPTY
    main = "\n".join([_source(summary), boards, _failed(summary.failed), _reading()])
    return document("page.html", style=style, script=script, main=Markup(main))


def _columns(summary: Summary) -> str:
    """A column goes when its box is not ticked, with and without scripts; rank and entry come before the first."""
    most = max((len(columns(table)) for table in summary.tables), default=0)
    return "".join(
        f'.board:has(.columns [value="{place}"]:not(:checked)) :is(.rows tr > :nth-child({place + 2}), '
        f".versus tbody tr:nth-child({place})) {{ display: none; }}\n"
        for place in range(1, most + 1)
    )


def _source(summary: Summary) -> str:
    done = summary.records - len(summary.failed)
    failed = f" · {len(summary.failed)} failed" if summary.failed else ""
    last = f" · last run {html(summary.finished[:10])}" if summary.finished else ""
    return (
        f'<p class="source">{counted(done, "finished run")}{failed}{last} · records sha256 '
        f"<code>{summary.digest[:12]}</code> · "
        '<a href="leaderboard.csv" download>CSV</a> · <a href="leaderboard.md" download>Markdown</a></p>'
    )


_EMPTY = (
    '<section class="empty"><h2>No finished runs yet</h2><p>Every finished run adds a row. '
    "In a clone of the repository two commands make some on drawn scenes, without a download or a graphics card:</p>"
    "<pre>caption-zoo run configs/quickstart.yaml\ncaption-zoo leaderboard runs</pre></section>"
)


def _boards(summary: Summary) -> str:
    links = "".join(
        f'<li><a href="#{table.key}"><bdi>{breakable(wording.headline(table))}</bdi></a> '
        f"<span>{html(wording.extent(table))}</span></li>"
        for table in summary.tables
    )
    tables = f'<nav aria-label="Tables"><ul>{links}</ul></nav>\n' if len(summary.tables) > 1 else ""
    return tables + "\n".join(board(table) for table in summary.tables)


def _failed(failed: Sequence[RunRecord]) -> str:
    if not failed:
        return ""
    items = "\n".join(_failure(record) for record in failed)
    return f'<section id="failed"><h2>{counted(len(failed), "run")} failed</h2><ul>\n{items}\n</ul></section>'


def _failure(record: RunRecord) -> str:
    parts = " + ".join(f"<bdi>{breakable(record.parts.get(part, ''))}</bdi>" for part in PARTS)
    where = f"<bdi>{breakable(record.dataset)}</bdi>, {html(wording.environment(Hardware.of(record)))}"
    return (
        f"<li><b>{parts}</b>, seed {html(record.seed)} <span>on {where}</span>"
        f"<code>{html(wording.reason(record))}</code></li>"
    )


def _reading() -> str:
    measured = [(each.title, f"{each.meaning}.") for each in (*SCORES, *RATES, *SIZES) if each.meaning]
    return (
        f'<section id="reading"><h2>How to read this</h2><dl>{"".join(_defined(_READING))}'
        f"{''.join(_defined(measured))}</dl></section>"
    )


def _defined(terms: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"<div><dt>{html(term)}</dt><dd>{html(said)}</dd></div>" for term, said in terms)
