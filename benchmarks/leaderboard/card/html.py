"""The card of a run: one HTML file, in the order in which a reader asks."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.leaderboard.card import facts, rerun
from benchmarks.leaderboard.card.curves import FRAME, curves, epochs
from benchmarks.leaderboard.card.neighbours import neighbours
from benchmarks.leaderboard.card.scores import scores
from benchmarks.leaderboard.html.attention_strip import samples
from benchmarks.leaderboard.html.document import document, text_of
from benchmarks.leaderboard.html.paths import name_of
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.samples import shown
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS, RunRecord

_SEEDS = 50  # of a run's entry, to either side of its own, that its card leads to


def card(record: RunRecord, table: Table, row: Row, gallery: Mapping[str, Any]) -> str:
    """`record`, one of the runs of `row` in `table`, as a whole HTML document.

    gallery: image id -> picture and references, where the record may not hold them. All of
    it is on the card, so one to be published is made without.
    """
    trained = epochs(record)
    return document(
        "card.html",
        style=text_of("page.css", "sample.css", "card.css"),
        script=text_of("attention.js", "card.js"),
        record=record,
        table=table,
        row=row,
        anchor=table.anchor(row),
        other_seeds=[(run.seed, name_of(run)) for run in _nearest(row, record)],
        more_seeds=len(row.runs) - 1 - len(_nearest(row, record)),
        parts=[record.parts.get(part, "") for part in PARTS],
        notices=[*_notices(record, table, row)],
        scores=scores(record, table, row),
        samples=samples(shown(record, gallery)),
        epochs=trained,
        curves=curves(trained),
        frame=FRAME,
        rates=facts.rates(record),
        costs=facts.costs(record),
        neighbours=neighbours(table, row),
        caption_statistics=facts.caption_statistics(record),
        limitations=facts.limitations(record),
        commands={each.__name__: each(record).rstrip() for each in (rerun.caption, rerun.reproduce, rerun.config)},
        requirements=[*rerun.requirements(record)],
        environment=facts.environment(record),
        provenance=facts.provenance(record),
    )


def _nearest(row: Row, record: RunRecord) -> list[RunRecord]:
    """The other runs of the row; of many those with the next seeds."""
    own = bisect_left(row.runs, record.seed, key=lambda run: run.seed)
    return [run for run in row.runs[max(0, own - _SEEDS) : own + _SEEDS + 1] if run is not record]


def _notices(record: RunRecord, table: Table, row: Row) -> Iterable[str]:
    yield from rerun.source_runs(record)
    yield from wording.notices(table)
    if "limit=" in record.dataset:
        yield "A sample of the data set: these scores do not compare with those of the whole one."
    for name in row.plugins:
        yield f"A part comes from the plug-in {name}."
