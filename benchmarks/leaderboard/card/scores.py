"""The scores of a run beside those of its entry, and where that stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmarks.leaderboard.html.interval_glyph import WIDTH, axis, glyph, scale
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, SCORES
from benchmarks.leaderboard.tables.diagnostics import diagnostic
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, number, span
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import RunRecord

_RINGS = 200  # of about so many other entries, drawn as rings, nobody sees more

Rows = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Drawing:
    """The row on the scale of its table, and where the means of the others lie."""

    axis: Markup
    interval: Markup
    others: Sequence[float]
    width: int = WIDTH


@dataclass(frozen=True)
class Scores:
    """CIDEr with its interval and rank; tables: by title, for each score its values, as text."""

    cider: str
    seeds: int
    drawing: Drawing | None
    standing: Sequence[str]
    tables: Mapping[str, Rows]


def scores(record: RunRecord, table: Table, row: Row) -> Scores:
    """Those of `record`, which is of `row`."""
    metrics = [(column.title, column.key) for column in SCORES if column.key in record.scores]
    checks = [(diagnostic(name).title, name) for name in sorted(record.diagnostics)]
    return Scores(
        cider=_text(number(record.scores.get("CIDEr"))),
        seeds=len(row.runs),
        drawing=_drawing(table, row),
        standing=_standing(table, row),
        tables={
            "Scores × 100": _rows("scores", metrics, record, row),
            "Diagnostics, %": _rows("diagnostics", checks, record, row),
        },
    )


def _drawing(table: Table, row: Row) -> Drawing | None:
    across = scale(table)
    if across is None or len(table.rows) < 2:
        return None
    drawn = table.rows[:: 1 + len(table.rows) // _RINGS]
    others = [score for other in drawn if other is not row and (score := CIDER.read(other)) is not None]
    places = [round(across.place(score), 1) for score in others]
    return Drawing(Markup(axis(across)), Markup(glyph(table, row, across)), places)


def _standing(table: Table, row: Row) -> list[str]:
    standing, seeds = table.standing(row), len(row.runs)
    mean = f"The mean of the entry's {seeds} seeds is {CIDER.text(row)}. " if seeds > 1 else ""
    if standing is None:
        return [mean + wording.noise(table)]
    interval = f"Over all images of the kind it lies between {span(standing.low, standing.high)} (95 %)."
    interval = interval.replace(" to ", " and ")
    ranked = f"Rank {wording.rank(table, row)} of {len(table.rows)} entries"
    ranked += "." if standing.first == standing.last else ": the ranks not significantly different from its own."
    return [mean + interval, *([ranked] if len(table.rows) > 1 else []), wording.noise(table)]


def _rows(field: str, names: Sequence[tuple[str, str]], record: RunRecord, row: Row) -> Rows:
    """This run's value and, with several seeds, their mean."""
    own: Mapping[str, float] = getattr(record, field)
    several = len(row.runs) > 1
    return [
        (label, [_text(number(own.get(name))), *([_text(row.mean(field, name))] if several else [])])
        for label, name in names
    ]


def _text(value: float | None) -> str:
    return BLANK if value is None else hundred(value)
