"""Run records, grouped into tables of rows: only what may be compared stands together."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

from benchmarks.leaderboard.statistics import Ranking, rank
from benchmarks.leaderboard.text import number
from benchmarks.record import RunRecord

PARTS = ("backbone", "attention", "decoder")
# What a speed depends on. Library versions do not part tables, or a matrix that is resumed
# after an update would fall in two; the page lists all that took part.
PLACE = ("device", "processor", "threads", "precision")
# What a request says of one cell or of its data set; the rest is the protocol.
PER_CELL = frozenset((*PARTS, "sources", "seed", "dataset", "fingerprint"))
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
        return self.weights == "random"

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
    fingerprint: str
    signature: str
    protocol: Mapping[str, Any]
    place: Mapping[str, Any]
    rows: tuple[Row, ...]

    @cached_property
    def ranking(self) -> Ranking:
        """How the rows compare."""
        return rank([row.per_image() for row in self.rows], [row.seed_scores() or [0.0] for row in self.rows])

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


@dataclass(frozen=True, eq=False)
class Summary:
    """All that the files show: tables, failed runs, and which records they were made of."""

    tables: tuple[Table, ...]
    failed: tuple[RunRecord, ...]
    records: int
    digest: str
    finished: str


def summarise(records: Iterable[RunRecord]) -> Summary:
    """Group `records`, whatever their order."""
    texts = {json.dumps(asdict(record), sort_keys=True): record for record in records}
    ordered = [texts[text] for text in sorted(texts)]
    return Summary(
        tables=tuple(_tables([record for record in ordered if record.done])),
        failed=tuple(sorted((record for record in ordered if not record.done), key=_cell)),
        records=len(ordered),
        digest=hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest(),
        finished=max((record.finished for record in ordered), default=""),
    )


def leaves(value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The innermost names and values of nested mappings."""
    for name in sorted(value):
        if isinstance(value[name], Mapping):
            yield from leaves(value[name])
        else:
            yield name, str(value[name])


def _tables(done: Sequence[RunRecord]) -> Iterable[Table]:
    groups: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for record in done:
        protocol = {key: value for key, value in record.request.items() if key not in PER_CELL}
        place = {key: record.environment[key] for key in PLACE if key in record.environment}
        data = (record.synthetic, record.dataset, record.split, str(record.data.get("fingerprint", "")), record.signature)
        groups[*data, json.dumps(protocol, sort_keys=True), json.dumps(place, sort_keys=True)].append(record)
    for key in sorted(groups):
        synthetic, dataset, split, fingerprint, signature, protocol, place = key
        rows = sorted(_rows(groups[key]), key=_best_first)
        yield Table(
            dataset, split, synthetic, fingerprint, signature, json.loads(protocol), json.loads(place), tuple(rows)
        )


def _rows(runs: Iterable[RunRecord]) -> Iterable[Row]:
    groups: dict[tuple[Any, ...], dict[int, RunRecord]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: run.finished):  # of one seed run twice, the later counts
        parts = tuple(run.parts.get(part, "") for part in PARTS)
        groups[parts, run.weights, tuple(_origin(run, part) for part in PARTS)][run.seed] = run
    for (parts, weights, origins), seeds in groups.items():
        yield Row(parts, weights, origins, tuple(seeds[seed] for seed in sorted(seeds)))


def _origin(run: RunRecord, part: str) -> str:
    """Where a part came from, without folders; a plug-in's file with the hash of its text."""
    file = re.split(r"[\\/]", run.origins.get(part, HOME))[-1]
    source = run.request.get("sources", {}).get(part, "")
    return f"{file} {source[:8]}" if source else file


def _best_first(row: Row) -> tuple[Any, ...]:
    score = row.mean("scores", "CIDEr")
    return score is None, -(score or 0.0), row.parts, row.weights, row.origins


def _cell(record: RunRecord) -> tuple[Any, ...]:
    return record.dataset, *(record.parts.get(part, "") for part in PARTS), record.seed, record.id
