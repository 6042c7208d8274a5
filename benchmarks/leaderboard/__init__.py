"""The leaderboard: run records in; one HTML page, one Markdown file and one CSV file out."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.page import page
from benchmarks.leaderboard.summary import summarise
from benchmarks.leaderboard.table_csv import table_csv
from benchmarks.record import RunRecord

__all__ = ["write"]


def write(records: Iterable[RunRecord], out: Path) -> list[Path]:
    """Write `index.html`, `leaderboard.md` and `leaderboard.csv` into the folder `out`.

    Nothing but the records enters: the same ones, in any order, give the same bytes.
    """
    summary = summarise(records)
    out.mkdir(parents=True, exist_ok=True)
    files = {"index.html": page, "leaderboard.md": markdown, "leaderboard.csv": table_csv}
    for name, render in files.items():
        (out / name).write_text(render(summary), encoding="utf-8", newline="\n")
    return [out / name for name in files]
