"""The leaderboard: run records in; one HTML page, one Markdown file, one CSV file and a card per run out."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.leaderboard.card import card
from benchmarks.leaderboard.csv_export import table_csv
from benchmarks.leaderboard.html.page import page
from benchmarks.leaderboard.html.paths import FOLDER, cards_in, name_of
from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.tables.summary import Summary, summarise
from benchmarks.records.record import RunRecord

__all__ = ["stale", "write"]

_NONE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def write(records: Iterable[RunRecord], out: Path, galleries: Mapping[str, Mapping[str, Any]] = _NONE) -> list[Path]:
    """Write `index.html`, `leaderboard.md`, `leaderboard.csv` and `runs/ID.html` into the folder `out`.

    galleries: by run id, what its card shows and its record may not hold. Nothing but these and
    the records enters: the same ones, in any order, give the same bytes. Cards of runs that are
    no more are removed.
    """
    summary = summarise(records)
    out.mkdir(parents=True, exist_ok=True)
    files = {"index.html": page, "leaderboard.md": markdown, "leaderboard.csv": table_csv}
    for name, render in files.items():
        (out / name).write_text(render(summary), encoding="utf-8", newline="\n")
    return [*(out / name for name in files), *_cards(summary, out, galleries)]


def stale(records: Iterable[RunRecord], out: Path, galleries: Mapping[str, Mapping[str, Any]] = _NONE) -> list[Path]:
    """The files in `out` that `write` would make otherwise, make anew or remove."""
    with tempfile.TemporaryDirectory() as folder:
        made = {out / file.relative_to(folder): file.read_bytes() for file in write(records, Path(folder), galleries)}
    differing = [file for file, text in made.items() if not file.is_file() or file.read_bytes() != text]
    return differing + sorted(set(cards_in(out)) - set(made))


def _cards(summary: Summary, out: Path, galleries: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    texts = {
        out / FOLDER / name: card(run, table, row, galleries.get(run.id, {}))
        for table in summary.tables
        for row in table.rows
        for run in row.runs
        if (name := name_of(run))
    }
    for left_over in set(cards_in(out)) - set(texts):
        left_over.unlink()
    if texts:
        (out / FOLDER).mkdir(exist_ok=True)
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8", newline="\n")
    return sorted(texts)
