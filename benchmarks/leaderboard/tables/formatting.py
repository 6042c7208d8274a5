"""Text from records, made fit to show: whatever it says, it stays text."""

import re
from typing import Any

from zoo.markup import clean as clean  # so that all that makes text fit to show is had from here
from zoo.markup import visible as visible

BLANK = "–"
_MOST = 1e15  # beyond this a number in a record is no figure of a run


def link(value: object) -> str:
    """`value` where it is a plain web address, else nothing: no script, no file, no quote that ends an attribute."""
    text = value if isinstance(value, str) else ""
    return text if re.fullmatch(r"https?://[\w.-]+(?::\d+)?/[\w./%?=&+~,:;@-]*", text, re.ASCII) else ""


def number(value: Any) -> float | None:
    """`value` if it is a number that a run can give, so never infinite; a record may come from anyone."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and abs(value) <= _MOST else None  # NaN compares with nothing


def hundred(value: float) -> str:
    """A share or a score, times 100, with one decimal."""
    return f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference of scores, times 100, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\u2212").replace("+0.0", "0.0").replace("\u22120.0", "0.0")


def span(low: float, high: float) -> str:
    """An interval of scores, times 100."""
    return f"{hundred(low)} to {hundred(high)}"


def speed(value: float) -> str:
    """A rate or a duration, to about three digits."""
    if value >= 99.95:
        return f"{value:,.0f}".replace(",", "\u2009")
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def millions(value: float) -> str:
    """A count of parameters, in millions."""
    return speed(value / 1e6)


def operations(value: float) -> str:
    """A count of operations, in billions."""
    return speed(value / 1e9)


def counted(count: int, noun: str) -> str:
    """ "1 run", "3 runs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}".replace(",", "\u2009")
