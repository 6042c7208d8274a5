"""The README's figures are those of the records that come with the project."""

import re
from pathlib import Path

import pytest

from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.formatting import hundred
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import records

ROOT = Path(__file__).parents[1]
RESULTS = (ROOT / "README.md").read_text().partition("\n## Results\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def tables():
    return summarise(records(ROOT / "docs" / "leaderboard")).tables


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_line_of_its_table_is_an_entry(tables):
    (_, *titles), _, *lines = (cells(line) for line in RESULTS.splitlines() if line.startswith("|"))
    assert len(lines) == 6
    (table,) = [table for table in tables if table.dataset.startswith("scenes(test=400,")]
    entries = {}
    for row in table.rows:
        by_title = {column.title: column.text(row) for column in columns(table)}
        parts = tuple(part.partition("(")[0] for part in row.parts[1:])
        entries[parts] = [by_title[title] for title in titles]
        assert len(row.runs) == 3
    for parts, *shown in lines:
        found = entries[tuple(re.findall(r"`(\w+)`", parts))]
        assert [own if cell == "-" else cell for cell, own in zip(shown, found, strict=True)] == found


def test_each_figure_of_its_results_is_one_of_an_entry(tables):
    shown = {column.text(row) for table in tables for column in columns(table) for row in table.rows}
    standings = [standing for table in tables for standing in table.ranking.standings if standing]
    shown |= {hundred(end) for standing in standings for end in (standing.low, standing.high)}
    figures = set(re.findall(r"\d+\.\d+", RESULTS))
    assert len(figures) > 30
    assert figures <= shown, figures - shown
