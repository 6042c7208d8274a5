"""Alternatives timed by turns, so that a slow minute hits them alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pytest_benchmark.fixture import BenchmarkFixture

Work = Callable[[], object]
Stopwatch = Callable[[], float]
OURS = "ours"


class Spread(NamedTuple):
    """The median of several rounds, between the least and the most."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value for each round."""
        return cls(min(values), statistics.median(values), max(values))

    def times(self, factor: float) -> "Spread":
        """In another unit; `factor` is positive."""
        return Spread(*(value * factor for value in self))


class Rounds(NamedTuple):
    """Seconds of each alternative: what stands in the same place of two lists was timed in one round."""

    seconds: Mapping[str, Sequence[float]]

    def ratio(self, slow: str, quick: str = OURS) -> Spread:
        """How many times as fast as `slow` the `quick` one is, round by round."""
        pairs = zip(self.seconds[slow], self.seconds[quick], strict=True)
        return Spread.of([theirs / ours for theirs, ours in pairs])

    def rate(self, items: float, name: str = OURS) -> Spread:
        """Items per second, of which one round has `items`."""
        return Spread.of([items / seconds for seconds in self.seconds[name]])


def clocked(work: Work, tries: int = 1) -> Stopwatch:
    """Measures `work` when called: the seconds of the quickest of so many tries."""

    def measured() -> float:
        taken = []
        for _ in range(tries):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
        return min(taken)

    return measured


def alternate(
    benchmark: BenchmarkFixture, ours: Work, others: Mapping[str, Stopwatch], *, rounds: int, warm: bool = True
) -> Rounds:
    """Time `ours` by pytest-benchmark and, before each of its rounds, all the others.

    With `warm`, a round that does not count comes first.
    """
    taken: dict[str, list[float]] = {name: [] for name in others}

    def before() -> None:
        for name, stopwatch in others.items():
            taken[name].append(stopwatch())

    benchmark.pedantic(ours, setup=before, rounds=rounds, warmup_rounds=int(warm))
    return Rounds({OURS: timed(benchmark), **{name: seconds[-rounds:] for name, seconds in taken.items()}})


def timed(benchmark: BenchmarkFixture) -> Sequence[float]:
    """The seconds of each round that pytest-benchmark has timed."""
    assert benchmark.stats is not None
    return benchmark.stats.stats.data


def add_figures(benchmark: BenchmarkFixture, figures: Mapping[str, Spread | float], *notes: str) -> None:
    """Hand figures over to the report, a spread with its ends, and what a reader has to know of them."""
    numbers = benchmark.extra_info.setdefault("numbers", {})
    for key, figure in figures.items():
        if isinstance(figure, Spread):
            numbers |= {f"{key}.min": figure.least, key: figure.median, f"{key}.max": figure.most}
        else:
            numbers[key] = figure
    benchmark.extra_info.setdefault("notes", []).extend(notes)
