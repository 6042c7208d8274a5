"""The page: one HTML file that asks nobody for anything."""

from typing import Any

from benchmarks.leaderboard.html.document import document, text_of
from benchmarks.leaderboard.html.section import section
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import RATES, SCORES, SIZES, columns
from benchmarks.leaderboard.tables.formatting import counted
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.summary import Summary
from benchmarks.records.record import PARTS, RunRecord

_STYLES = ("page", "parts", "sample", "table")
_SCRIPTS = ("attention", "state", "table", "plot", "comparison", "heatmap", "page")


def page(summary: Summary) -> str:
    """`summary` as a whole HTML document."""
    most = max((len(columns(table)) for table in summary.tables), default=0)
    sections = [
        {
            "key": table.key,
            "headline": wording.headline(table),
            "extent": wording.extent(table),
            "html": section(table),
        }
        for table in summary.tables
    ]
    return document(
        "page.html",
        style=text_of(*(f"{name}.css" for name in _STYLES)) + str(render("columns.css", count=most)),
        script=text_of(*(f"{name}.js" for name in _SCRIPTS)),
        finished_runs=counted(summary.records - len(summary.failed), "finished run"),
        last_run=summary.finished[:10],
        digest=summary.digest[:12],
        sections=sections,
        failed=[_failure(record) for record in summary.failed],
        failed_runs=counted(len(summary.failed), "run"),
        measured=[(each.title, each.meaning) for each in (*SCORES, *RATES, *SIZES) if each.meaning],
    )


def _failure(record: RunRecord) -> dict[str, Any]:
    return {
        "parts": [record.parts.get(part, "") for part in PARTS],
        "variant": wording.variant(record),
        "dataset": record.dataset,
        "environment": wording.environment(Hardware.of(record)),
        "reason": wording.reason(record),
    }
