"""Checks of a data set over seeds: what a column's mean does not tell."""

from collections.abc import Mapping, Sequence

from benchmarks.leaderboard.tables.diagnostics import diagnostic
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, span
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


def above(row: Row, floors: Mapping[str, tuple[Row, str]]) -> list[str]:
    """Of the diagnostics in `floors` those whose every seed is above every seed of the floor's row and diagnostic.

    One seed alone shows nothing of seeds.
    """
    found = {
        name: (row.each("diagnostics", name), floor.each("diagnostics", other))
        for name, (floor, other) in floors.items()
    }
    return [name for name, (own, floor) in found.items() if min(len(own), len(floor)) > 1 and min(own) > max(floor)]


def _over_seeds(row: Row, name: str) -> str:
    mean, values = row.mean("diagnostics", name), row.each("diagnostics", name)
    if mean is None:
        return BLANK
    return hundred(mean) + (f" ({span(min(values), max(values))})" if len(values) > 1 else "")
