"""Rows and the tables they stand in, made of run records."""

import hashlib
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

from benchmarks.leaderboard.tables.bootstrap import Ranking, Standing, rank
from benchmarks.leaderboard.tables.formatting import number
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.records.record import PARTS, RunRecord

RANDOM = "random"  # what a record says of weights that are neither loaded nor trained
HOME = "caption-zoo"  # the origin of the parts that come with the project


@dataclass(frozen=True, eq=False)
class Row:
    """One combination of parts: its runs, one for each seed, and those that were timed, by place."""

    parts: tuple[str, ...]
    weights: str
    origins: tuple[str, ...]
    runs: tuple[RunRecord, ...]
    timed: Mapping[Hardware, tuple[RunRecord, ...]]
    ensemble: int = 0  # models that decode together in each run; 0 where one does

    @cached_property
    def key(self) -> str:
        """What names the row in links, whatever else is on the page."""
        return _digest(self.parts, self.weights, self.origins, *[self.ensemble] * bool(self.ensemble))

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
        return median(values) if (values := _each(self.timed.get(place, ()), field, name)) else None

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


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that may be compared: one data set, split, protocol and scorer; speeds by the place of their measurement.

    The best mean CIDEr is first, entries without one are last.
    """

    dataset: str
    split: str
    synthetic: bool
    random: bool  # untrained backbones, which are compared with no others
    fingerprint: str
    signature: str
    protocol: Mapping[str, Any]
    rows: tuple[Row, ...]
    number: int = 1  # on the page

    @cached_property
    def key(self) -> str:
        """What names the table in links, whatever else is on the page."""
        data = (self.synthetic, self.dataset, self.split, self.fingerprint, self.random)
        return "t" + _digest(*data, self.signature, dict(self.protocol))

    def anchor(self, row: Row) -> str:
        """The id of `row` on the page."""
        return f"{self.key}-{row.key}"

    @cached_property
    def ranking(self) -> Ranking:
        """How the rows compare."""
        return rank([row.per_image for row in self.rows], [row.seed_scores or [0.0] for row in self.rows])

    @cached_property
    def places(self) -> list[Hardware]:
        """Where speeds were measured, the place of most rows first."""
        counts = Counter(place for row in self.rows for place in row.timed)
        return sorted(counts, key=lambda place: (-counts[place], place))

    @cached_property
    def extent(self) -> tuple[float, float] | None:
        """The least and the greatest CIDEr, intervals included; None where no captions were scored."""
        ends = [score for row in self.rows if (score := row.mean("scores", "CIDEr")) is not None]
        for standing in filter(None, self.ranking.standings):
            ends += [standing.low, standing.high, standing.near_low, standing.near_high]
        return (min(ends), max(ends)) if ends else None

    def standing(self, row: Row) -> Standing | None:
        """Where `row` stands among the others, None without scores per image."""
        return self.ranking.standings[self.index[row]]

    @cached_property
    def index(self) -> dict[Row, int]:
        """The place of each row."""
        return {row: place for place, row in enumerate(self.rows)}

    @cached_property
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
        """What distinguishes `row` from its neighbours, as short as possible."""
        parts = " + ".join(self.short(part, row.parts[PARTS.index(part)]) for part in self.varying)
        return f"{parts}, ensemble of {row.ensemble}" if row.ensemble else parts

    def short(self, part: str, text: str) -> str:
        """`text` without its options, where its name alone tells it from the others of its kind."""
        head = text.partition("(")[0]
        return head if self._heads[part][head] == 1 else text

    @cached_property
    def swaps(self) -> dict[tuple[Any, ...], list[Row]]:
        """The rows with a CIDEr, the best first, by all that they have but one part; see `swap_key`."""
        found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.rows:
            if row.mean("scores", "CIDEr") is not None:
                for axis in range(len(PARTS)):
                    found[swap_key(row, axis)].append(row)
        return found

    @cached_property
    def _heads(self) -> dict[str, Counter[str]]:
        return {part: Counter(value.partition("(")[0] for value in self.axes[part]) for part in PARTS}


def swap_key(row: Row, axis: int) -> tuple[Any, ...]:
    """What rows have in common that differ in the part of this axis alone: of one name there may be two plug-ins."""
    others = (*row.parts[:axis], *row.parts[axis + 1 :], *row.origins[:axis], *row.origins[axis + 1 :])
    return (axis, *others, "" if PARTS[axis] == "backbone" else row.weights, row.ensemble)


def _digest(*identity: Any) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]
