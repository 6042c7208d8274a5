"""Progress of long work: bars on a terminal, lines in a file, and signs of life to whoever waits for it."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, TextIO

from tqdm import tqdm

tqdm.set_lock(RLock())  # its own is shared between processes, and is left behind when one is killed


_terminal: TextIO | None = None  # of a process whose own stderr is a file
_lines: Path | None = None  # read by a command elsewhere
_EVERY = 1.0  # seconds between two signs of life
_report: Callable[[str], None] | None = None
_reported = 0.0


def stream_to(descriptor: int) -> None:
    """Have progress and notes go to an open file, a terminal perhaps, and not to stdout and stderr."""
    global _terminal
    _terminal = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def lines_to(file: Path | None) -> None:
    """Have what `line` and `note` are given appended to a file, for a command elsewhere, where there is one."""
    global _lines
    _lines = file


def report_to(report: Callable[[str], None]) -> None:
    """Have a function called with what is done, at most once a second, whenever something of it is."""
    global _report
    _report = report


def alive(doing: str) -> None:
    """Something was done."""
    global _reported
    if _report and (now := time.monotonic()) - _reported >= _EVERY:
        _reported = now
        with suppress(OSError):  # nobody waits any more
            _report(doing)


class _Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    def __init__(self, what: str, **options: Any) -> None:
        self._what = what
        super().__init__(desc=what, **options)

    def update(self, n: float | None = 1) -> Any:
        alive(self._what)
        return super().update(n)


def bar(total: int | None, what: str, unit: str) -> tqdm:
    """A bar on stderr that goes when it is done; a mere count where the total is not known."""
    return _Bar(
        what, file=_terminal or sys.stderr, total=total, unit=unit, disable=None, leave=False, dynamic_ncols=True
    )


def write(line: str, file: TextIO | None = None) -> None:
    """Print a line, on stdout or elsewhere, above any bar."""
    tqdm.write(line, file=_terminal or file)


def line(text: str) -> None:
    """Print a line of progress on stderr, unless a terminal has bars there."""
    if _lines or not (_terminal or sys.stderr).isatty():
        note(text)


def note(text: str) -> None:
    """Print a line on stderr, that of the command, wherever it is."""
    if not _lines:
        write(text, sys.stderr)
        return
    with suppress(OSError), _lines.open("a", encoding="utf-8", errors="backslashreplace") as opened:
        opened.write(f"{text}\n")
