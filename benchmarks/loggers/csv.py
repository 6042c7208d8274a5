"""A table in a file."""

import csv
import io
from collections.abc import Mapping

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from zoo.atomic import write_atomically

_HEAD = ["step", "name", "value"]


@LOGGERS.register("csv")
class Csv(Logger):
    """A CSV file, metrics.csv, with a row for each metric of a step."""

    def open(self, run: LoggedRun, step: int) -> None:
        """Keep the rows up to `step`."""
        run.folder.mkdir(parents=True, exist_ok=True)
        file = run.folder / "metrics.csv"
        content = file.read_bytes() if file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1].decode(errors="replace")  # the last may be torn
        rows = [row for row in list(csv.reader(io.StringIO(whole, newline="")))[1:] if len(row) == len(_HEAD)]
        write_atomically(file, _lines([_HEAD, *(row for row in rows if int(row[0]) <= step)]))
        self._file = file.open("a", encoding="utf-8", newline="")

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append rows."""
        self._file.write(_lines([[str(step), name, repr(value)] for name, value in metrics.items()]))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
