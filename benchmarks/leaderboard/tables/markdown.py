"""Pieces of Markdown in which text from records stays text."""

import re
from collections.abc import Iterable, Sequence

from benchmarks.leaderboard.tables.formatting import clean

_HARMLESS = re.compile(r"(?!.*www\.)(?:[^\W_]|[ ,.:;'×%()-]|(?<=\w)[/=_](?=\w)|[+\u2212](?=\d))*", re.IGNORECASE)


def code(value: object) -> str:
    """`value` as a code span: in there nothing is a link, a mention, HTML or emphasis."""
    text = clean(value) or "-"
    ticks = "`" * (1 + max(_runs(text), default=0))
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def prose(text: str) -> str:
    """`text` as it stands where it holds no markup, else as a code span."""
    return text if _HARMLESS.fullmatch(text) else code(text)


def fence(language: str, text: str) -> str:
    """A block of code that nothing in `text` can end."""
    ticks = "`" * (1 + max([2, *_runs(text)]))
    return f"{ticks}{language}\n{text}\n{ticks}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], align: Sequence[str] = ()) -> str:
    """A table of cells that are Markdown; align: "--:", ":--" or "--" for each column."""
    rule = f"|{'|'.join(align or ['--'] * len(heads))}|"
    return "\n".join([_line(heads), rule, *map(_line, rows)])


def bullets(items: Iterable[tuple[str, object]]) -> str:
    """A list of names and values."""
    return "\n".join(f"- {prose(name)}: {code(value)}" for name, value in items)


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _runs(text: str) -> Iterable[int]:
    """How long each run of backticks is."""
    return map(len, re.findall("`+", text))
