"""Axes of a plot: from values to places, with round numbers to read them by."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_WIDE = 5  # values that spread by more than this factor go on a log scale
_EQUAL = 1e-9  # ends that differ by no more than this share of their size are as good as equal
_LEAST = 1e-9  # smaller ones lie where this does: logarithms of next to nothing go on for ever


@dataclass(frozen=True)
class Axis:
    """Where values lie, and which are marked."""

    place: Callable[[float], float]
    ticks: Sequence[float]
    log: bool = False


class Mark(NamedTuple):
    """Where a round value lies on an axis, and how it reads."""

    at: float
    label: str


def marks(axis: Axis, *, times: float = 1) -> list[Mark]:
    """The marked values of `axis`, read `times` what they are."""
    return [Mark(axis.place(tick), f"{round(times * tick, 6):g}") for tick in axis.ticks]


def linear(low: float, high: float, start: float, end: float) -> Axis:
    """An axis on which `low` lies at `start` and `high` at `end`; with some room around them where they are equal."""
    size = max(abs(low), abs(high), _LEAST)
    if high - low < _EQUAL * size:
        low, high = low - 0.05 * size, high + 0.05 * size
    return Axis(_between(low, high, start, end), _steps(low, high))


def spread(values: Sequence[float], start: float, end: float) -> Axis:
    """An axis for positive `values` with some room around; logarithmic if they are wide apart."""
    low, high = min(values), max(values)
    if high <= _WIDE * low:
        room = 0.15 * (high - low) or 0.1 * high
        return linear(max(0.0, low - room), high + room, start, end)
    left, right = math.log10(max(low, _LEAST) / 1.4), math.log10(max(high, _LEAST) * 1.4)
    place = _between(left, right, start, end)
    marks = [unit * 10.0**power for power in range(math.floor(left), math.ceil(right)) for unit in (1, 2, 5)]
    return Axis(
        lambda value: place(math.log10(max(value, _LEAST))),
        [x for x in marks if left <= math.log10(x) <= right],
        log=True,
    )


def _between(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _steps(low: float, high: float) -> list[float]:
    """Some five round values from `low` to `high`."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= 0.75 * raw)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
