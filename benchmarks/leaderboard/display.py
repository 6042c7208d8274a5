"""The leaderboard of a folder of runs, as notebooks and terminals show it."""

from os import PathLike
from pathlib import Path

from benchmarks.leaderboard.html.inline import inline
from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.tables.markdown import code
from benchmarks.leaderboard.tables.summary import Summary, summarise
from benchmarks.records.record import BadRecord, records


class Leaderboard:
    """The finished and the failed runs below a folder, read whenever it is shown: as a table, or printed, as Markdown.

    It has the main columns; the page that `caption-zoo leaderboard` writes has all, with plots and cards.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, runs: str | PathLike[str]) -> None:
        self._folder = Path(runs)
        if not self._folder.is_dir():
            raise ValueError(f"no folder {str(runs)!r} with run records: benchmarks.run makes them")

    def __repr__(self) -> str:
        summary, bad = self._read()
        return markdown(summary) + "".join(f"\nPassed over: {code(problem)}\n" for problem in bad)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return str(inline(*self._read()))

    def _read(self) -> tuple[Summary, list[BadRecord]]:
        """What there is, and the records that cannot be believed, which do not count."""
        bad: list[BadRecord] = []
        return summarise(records(self._folder, bad.append)), bad
