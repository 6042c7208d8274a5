"""The leaderboard as Markdown, for a README or a pull request."""

import re
from collections.abc import Iterable, Sequence

from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, Column, columns
from benchmarks.leaderboard.tables.findings import Finding, findings
from benchmarks.leaderboard.tables.formatting import counted, span
from benchmarks.leaderboard.tables.markdown import code, prose
from benchmarks.leaderboard.tables.markdown import table as table_of
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.summary import Summary
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS, RunRecord

_INNER = re.compile(r"\S(?:.*\S)?", re.DOTALL)  # without the blanks around it, which are no part of a code span


def markdown(summary: Summary) -> str:
    """Every table with what it is on above it, then the runs that failed."""
    blocks = ["# Leaderboard", *("\n".join(_table(table)) for table in summary.tables)]
    if not summary.tables:
        blocks.append("No finished runs yet.")
    if summary.failed:
        blocks.append(f"## {counted(len(summary.failed), 'run')} failed")
        blocks.append("\n".join(_failure(record) for record in summary.failed))
    blocks.append(f"Made from {counted(summary.records, 'record')}, sha256 `{summary.digest}`.")
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> Iterable[str]:
    chosen = [column for column in columns(table) if column.main]
    yield from (f"## {code(wording.headline(table))}", "")
    for notice in wording.notices(table):
        yield from (f"**{notice}**", "")
    yield from (f"- {_finding(table, each)}" for each in findings(table))
    yield f"- {wording.extent(table)}; fingerprint of the data set {code(table.fingerprint)}"
    yield from (f"- {part.capitalize()}: {code(table.axes[part][0])}" for part in table.shared)
    yield from (f"- Protocol, {prose(name)}: {code(value)}" for name, value in wording.protocol(table))
    yield f"- Scorer {code(table.signature)}; scores × 100"
    if any(table.ranking.standings):
        yield "- 95 % bootstrap confidence intervals; compare entries by rank, not by whether intervals overlap"
    yield f"- Speeds on {code(wording.places(table))}"
    yield from (f"- {wording.noise(table)}", "")
    heads = ["Rank", *map(str.capitalize, table.varying), *(prose(column.label) for column in chosen), "Seeds"]
    align = ["--:", *[":--"] * len(table.varying), *["--:"] * (len(chosen) + 1)]
    yield table_of(heads, (_cells(table, row, chosen) for row in table.rows), align)


def _finding(table: Table, finding: Finding) -> str:
    text = ""
    for each in finding.text:
        piece = code(table.name(each)) if isinstance(each, Row) else _INNER.sub(lambda found: prose(found[0]), each)
        text += " " * (text.endswith("`") and piece.startswith("`")) + piece  # or two code spans would be one
    return f"**{finding.question}: {prose(finding.answer)}.** {text}"


def _cells(table: Table, row: Row, chosen: Sequence[Column]) -> list[str]:
    standing = table.standing(row)
    interval = f" ({span(standing.low, standing.high)})" if standing else ""
    values = [column.text(row) + (interval if column is CIDER else "") for column in chosen]
    first, *others = (code(row.parts[PARTS.index(part)]) for part in table.varying)
    marks = "".join(f" **{code(mark)}**" for mark in wording.marks(table, row))
    return [wording.rank(table, row), first + marks, *others, *values, str(len(row.runs))]


def _failure(record: RunRecord) -> str:
    parts = " + ".join(code(record.parts.get(part, "")) for part in PARTS)
    return f"- {parts}, {code(wording.variant(record))}, on {code(record.dataset)}: {code(wording.reason(record))}"
