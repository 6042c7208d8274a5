"""The leaderboard: run records in; one HTML page, one Markdown file, one CSV file and a card per run out."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.leaderboard.card import card
from benchmarks.leaderboard.csv_export import table_csv
from benchmarks.leaderboard.html.page import page
from benchmarks.leaderboard.html.paths import FOLDER, cards_in, name_of
from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.publish import published
from benchmarks.leaderboard.tables.summary import Summary, summarise
from benchmarks.records.record import RunRecord

__all__ = ["stale", "write"]

_NONE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def write(records: Iterable[RunRecord], out: Path, galleries: Mapping[str, Mapping[str, Any]] = _NONE) -> list[Path]:
    """Write `index.html`, `leaderboard.md`, `leaderboard.csv` and `runs/ID.html` into the folder `out`, all or none.

    galleries: by run id, what its card shows and its record may not hold. Nothing but these and
    the records enters: the same ones, in any order, give the same bytes. Cards of runs that are
    no more are removed.
    """
    summary = summarise(records)
    with published(out) as folder:
        names = [file.relative_to(folder) for file in _write(summary, folder, galleries)]
    return [out / name for name in names]


def stale(records: Iterable[RunRecord], out: Path, galleries: Mapping[str, Mapping[str, Any]] = _NONE) -> list[Path]:
    """The files in `out` that `write` would make otherwise, make anew or remove."""
    summary, made, differing = summarise(records), set(), []
    with tempfile.TemporaryDirectory() as folder:
        for new in _write(summary, Path(folder), galleries):
            file = out / new.relative_to(folder)
            made.add(file)
            if not file.is_file() or file.read_bytes() != new.read_bytes():
                differing.append(file)
            new.unlink()
    return differing + sorted(set(cards_in(out)) - made)


def _write(summary: Summary, out: Path, galleries: Mapping[str, Mapping[str, Any]]) -> Iterator[Path]:
    files = {"index.html": page, "leaderboard.md": markdown, "leaderboard.csv": table_csv}
    for name, render in files.items():
        yield _written(out / name, render(summary))
    runs = {name_of(run): (run, table, row) for table in summary.tables for row in table.rows for run in row.runs}
    for name in sorted(runs.keys() - {""}):
        (out / FOLDER).mkdir(exist_ok=True)
        run, table, row = runs[name]
        yield _written(out / FOLDER / name, card(run, table, row, galleries.get(run.id, {})))


def _written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8", newline="\n")
    return file
