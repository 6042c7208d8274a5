"""Lines of cells that run where this command is not: they append them to files, and it prints them."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain

PATTERN = "*.lines"


def lines_file(folder: Path, cell: Cell) -> Path:
    """Where the cell's lines are."""
    return folder / f"{cell.id}.lines"


class Lines:
    """Prints what files have more than before; of `earlier` ones, which another command has printed, what they get."""

    def __init__(self, earlier: Iterable[Path] = ()) -> None:
        self._read: defaultdict[Path, int] = defaultdict(int)  # bytes
        for file in earlier:
            with suppress(OSError):
                self._read[file] = file.stat().st_size

    def forward(self, files: Iterable[Path]) -> None:
        """Print their new lines on stderr, once they are whole."""
        for file in files:
            with suppress(OSError), file.open("rb") as opened:
                opened.seek(self._read[file])
                for line in opened:
                    if line.endswith(b"\n"):
                        self._read[file] += len(line)
                        write(plain(line[:-1].decode("utf-8", errors="replace")), sys.stderr)
