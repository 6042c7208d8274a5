"""Checks of a data set over seeds: what a column's mean does not tell."""

from collections.abc import Sequence

from benchmarks.leaderboard.tables.diagnostics import diagnostic
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, number, span
from benchmarks.leaderboard.tables.markdown import code, prose
from benchmarks.leaderboard.tables.markdown import table as table_of
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table


def checks(table: Table, names: Sequence[str]) -> str:
    """In Markdown the diagnostics `names` of each entry, x 100: the mean of its seeds, the lowest and the highest."""
    heads = ["", *(prose(diagnostic(name).title) for name in names), "Seeds"]
    lines = (
        [code(table.name(row)), *(_over_seeds(row, name) for name in names), str(len(row.runs))] for row in table.rows
    )
    return table_of(heads, lines, [":--", *["--:"] * (len(names) + 1)])


def _over_seeds(row: Row, name: str) -> str:
    mean = row.mean("diagnostics", name)
    if mean is None:
        return BLANK
    values = [value for run in row.runs if (value := number(run.diagnostics.get(name))) is not None]
    return hundred(mean) + (f" ({span(min(values), max(values))})" if len(values) > 1 else "")
