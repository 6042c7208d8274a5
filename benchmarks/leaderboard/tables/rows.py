"""Rows of the tables, made of run records."""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

from benchmarks.leaderboard.tables.formatting import number
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.records.record import RunRecord

RANDOM = "random"  # what a record says of weights that are neither loaded nor trained
HOME = "caption-zoo"  # the origin of the parts that come with the project


@dataclass(frozen=True, eq=False)
class Row:
    """One combination of parts: its runs, one for each seed, and those that were timed, by place.

    encode_rates: images per second through its backbone, by place, where it was timed.
    origins: where each part came from, and what plug-in its models learned from a teacher by, where it was one.
    members: ids of the runs whose models decode together; none of a single model.
    objective: Spec by which its models learned from a teacher; empty where they learned from the captions alone.
    start_training: how the runs that they started from were trained, on what; empty where there are none or their
        records are not there.
    """

    parts: tuple[str, ...]
    weights: str
    origins: tuple[str, ...]
    runs: tuple[RunRecord, ...]
    timed: Mapping[Hardware, tuple[RunRecord, ...]]
    encode_rates: Mapping[Hardware, float]
    members: tuple[str, ...] = ()
    objective: str = ""
    start_training: str = ""

    @cached_property
    def key(self) -> str:
        """What names the row in links, whatever else is on the page."""
        others = [each for each in (self.members, self.objective, self.starts[:1]) if each]
        return digest_of(self.parts, self.weights, self.origins, *others)

    @property
    def ensemble(self) -> int:
        """How many models decode together in each run; 0 where one does."""
        return len(self.members)

    @cached_property
    def starts(self) -> tuple[str, ...]:
        """Ids of the runs that its models started from, by seed; of an ensemble the one of its first member."""
        found = [str(start) for run in self.runs if (start := run.request.get("start_from"))]
        return tuple(dict.fromkeys(found))

    @property
    def random(self) -> bool:
        """Whether the backbone's weights are random."""
        return self.weights == RANDOM

    @property
    def plugins(self) -> list[str]:
        """Where those of its parts came from that are not the project's own."""
        return sorted({origin for origin in self.origins if origin != HOME})

    def mean(self, field: str, name: str) -> float | None:
        """The mean over seeds of a score or diagnostic; None if any run lacks it, or has less than nothing."""
        if (field, name) not in self._means:
            values = _each(self.runs, field, name)
            self._means[field, name] = fmean(values) if values and min(values) >= 0 else None
        return self._means[field, name]

    @cached_property
    def _means(self) -> dict[tuple[str, str], float | None]:
        return {}  # every card of the row asks for the same ones

    def median(self, field: str, name: str, place: Hardware) -> float | None:
        """The median over the runs at `place` of a speed or duration; None if any of them lacks it."""
        return median(values) if (values := self.each(field, name, place)) else None

    def each(self, field: str, name: str, place: Hardware | None = None) -> list[float]:
        """That of each run, or of those at `place`; none if any of them lacks it."""
        return _each(self.runs if place is None else self.timed.get(place, ()), field, name)

    @cached_property
    def per_image(self) -> dict[str, float]:
        """CIDEr by image id, mean over seeds; empty if any run lacks it."""
        each = [run.per_image.get("CIDEr", {}) for run in self.runs]
        images = set(each[0]).intersection(*each[1:])
        if any(number(scores[image]) is None for scores in each for image in images):
            return {}
        return {str(image): fmean(scores[image] for scores in each) for image in images}

    @cached_property
    def seed_scores(self) -> list[float]:
        """CIDEr of each run."""
        return _each(self.runs, "scores", "CIDEr")

    def run_of(self, seed: int) -> RunRecord:
        """The run with this seed, else the first."""
        index = bisect_left(self.runs, seed, key=lambda run: run.seed)
        return self.runs[index if index < len(self.runs) and self.runs[index].seed == seed else 0]


def _each(runs: Iterable[RunRecord], field: str, name: str) -> list[float]:
    values = [number(getattr(run, field).get(name)) for run in runs]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def digest_of(*identity: Any) -> str:
    """What names a row or a table in links: ten hex digits of what makes it."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]
