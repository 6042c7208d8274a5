"""Rows and the tables they stand in, made of run records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

from benchmarks.leaderboard.statistics import Ranking, Standing, rank
from benchmarks.leaderboard.text import number
from benchmarks.record import RunRecord

PARTS = ("backbone", "attention", "decoder")
# What a speed depends on. Library versions do not part tables, or a matrix that is resumed
# after an update would fall in two; the page lists all that took part.
PLACE = ("device", "processor", "threads")
RANDOM = "random"  # what a record says of weights that are neither loaded nor trained
HOME = "caption-zoo"  # the origin of the parts that come with the project


@dataclass(frozen=True, eq=False)
class Row:
    """One combination of parts in one environment: its runs, one for each seed."""

    parts: tuple[str, ...]
    weights: str
    origins: tuple[str, ...]
    runs: tuple[RunRecord, ...]

    @property
    def random(self) -> bool:
        """Whether the backbone's weights were never learnt."""
        return self.weights == RANDOM

    @property
    def plugins(self) -> list[str]:
        """Where those of its parts came from that are not the project's own."""
        return sorted({origin for origin in self.origins if origin != HOME})

    def mean(self, field: str, name: str) -> float | None:
        """The mean over seeds of a score or diagnostic; None if any run lacks it."""
        values = self._each(field, name)
        return fmean(values) if values else None

    def median(self, field: str, name: str) -> float | None:
        """The median over seeds of a speed or duration; None if any run lacks it."""
        values = self._each(field, name)
        return median(values) if values else None

    def per_image(self) -> dict[str, float]:
        """CIDEr by image id, mean over seeds; empty if any run lacks it."""
        each = [run.per_image.get("CIDEr", {}) for run in self.runs]
        images = set(each[0]).intersection(*each[1:])
        if any(number(scores[image]) is None for scores in each for image in images):
            return {}
        return {str(image): fmean(scores[image] for scores in each) for image in images}

    def seed_scores(self) -> list[float]:
        """CIDEr of each run."""
        return self._each("scores", "CIDEr")

    def _each(self, field: str, name: str) -> list[float]:
        values = [number(getattr(run, field).get(name)) for run in self.runs]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else []


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that may be compared: one data set, split, protocol, scorer and environment.

    The best mean CIDEr is first, entries without one are last.
    """

    dataset: str
    split: str
    synthetic: bool
    random: bool  # backbones that never learnt anything, which stand with no others
    fingerprint: str
    signature: str
    protocol: Mapping[str, Any]
    place: Mapping[str, Any]
    rows: tuple[Row, ...]

    @cached_property
    def ranking(self) -> Ranking:
        """How the rows compare."""
        return rank([row.per_image() for row in self.rows], [row.seed_scores() or [0.0] for row in self.rows])

    def standing(self, row: Row) -> Standing | None:
        """Where `row` stands among the others, None without scores per image."""
        return self.ranking.standings[self.rows.index(row)]

    def tied(self) -> list[Row]:
        """The rows that no other is clearly better than."""
        places = zip(self.rows, self.ranking.standings, strict=True)
        return [row for row, standing in places if standing and standing.first == 1]

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """The values of every part, in order."""
        return {part: sorted({row.parts[axis] for row in self.rows}) for axis, part in enumerate(PARTS)}

    @cached_property
    def varying(self) -> list[str]:
        """The parts that differ between rows; all three if none does."""
        return [part for part in PARTS if len(self.axes[part]) > 1] or list(PARTS)

    def name(self, row: Row) -> str:
        """What tells `row` from its neighbours, as short as it can be said."""
        return " + ".join(self.short(part, row.parts[PARTS.index(part)]) for part in self.varying)

    def short(self, part: str, text: str) -> str:
        """`text` without its options, where its name alone tells it from the others of its kind."""
        heads = [value.partition("(")[0] for value in self.axes[part]]
        head = text.partition("(")[0]
        return head if heads.count(head) == 1 else text

    def versions(self) -> dict[str, list[str]]:
        """All else that the environments of its runs say, with every value that occurs."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.rows:
            for run in row.runs:
                for name, value in leaves(run.environment):
                    if name not in PLACE:
                        found[name].add(value)
        return {name: sorted(found[name]) for name in sorted(found)}


def leaves(value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The innermost names and values of nested mappings."""
    for name in sorted(value):
        if isinstance(value[name], Mapping):
            yield from leaves(value[name])
        elif value[name] is not None:
            yield name, str(value[name])
