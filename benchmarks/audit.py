"""Whether a record can be believed: it fits its own request, and its captions give its scores."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean

from benchmarks.config import PROTOCOL
from benchmarks.data import DATASETS, Dataset
from benchmarks.record import FILE, SCORES, BadRecord, RunRecord
from benchmarks.score import Scorer
from registry import Spec

_TOP = {"CIDEr": 10.0}  # of the other scores it is 1
_CLOSE = 1e-5  # scores per image are kept to six digits


class Auditor:
    """Checks records one after another; a data set is made once for all of its records.

    `given` stands for the data set of records that leave out where it lies; without it, only
    data sets that need no files are made again. `rescored` counts the records whose captions
    were scored again.
    """

    def __init__(self, given: Spec | None = None) -> None:
        self.given = given
        self.rescored = 0
        self._scorers: dict[str, Scorer | str] = {}

    def problems(self, files: Iterable[Path]) -> Iterator[str]:
        """One line for everything that does not hold, with the file's name."""
        seen: dict[str, Path] = {}
        for file in files:
            try:
                record = RunRecord.load(file)
            except BadRecord as error:
                yield str(error)
                continue
            if record.id in seen:
                yield f"{file}: the same run as {seen[record.id]}"
            seen[record.id] = file
            yield from (f"{file}: {problem}" for problem in self.problems_of(record, file))

    def problems_of(self, record: RunRecord, file: Path) -> Iterator[str]:
        """What does not hold of one record."""
        named = file.stem if file.name != FILE else file.parent.name
        if record.id != hashlib.sha256(json.dumps(record.request, sort_keys=True).encode()).hexdigest()[:12]:
            yield "its id is not the hash of its request: it was edited"
        elif named != record.id:
            yield f"it should be called {record.id}, as its run is"
        yield from _unlike_request(record)
        yield from _unrepeatable(record)
        if not record.synthetic and any({"picture", "references"} & sample.keys() for sample in record.samples):
            yield "its samples hold pictures or references, which are not ours to pass on"
        if record.done:
            yield from _implausible(record)
            yield from self._rescored(record)

    def _rescored(self, record: RunRecord) -> Iterator[str]:
        if not record.captions:
            return
        scorer = self._scorer(record)
        if isinstance(scorer, str):
            if self.given is not None:
                yield scorer
            return
        self.rescored += 1
        scores = scorer.score({int(image): text for image, text in record.captions.items()})
        for name, value in scores.values.items():
            if not math.isclose(value, record.scores.get(name, math.nan), abs_tol=_CLOSE):
                yield f"its captions give {name} {value:.6f}, it says {record.scores.get(name)}"

    def _scorer(self, record: RunRecord) -> Scorer | str:
        """What scores its captions, or why nothing can."""
        key = f"{record.dataset} {record.request.get('metrics')}"
        if key not in self._scorers:
            try:
                self._scorers[key] = self._made(record)
            except ValueError as error:
                self._scorers[key] = f"it cannot be scored again: {error}"
        return self._scorers[key]

    def _made(self, record: RunRecord) -> Scorer:
        own = Spec.parse(record.dataset)
        spec = self.given if self.given is not None and self.given.name == own.name else own
        dataset: Dataset = DATASETS.build(spec)
        if dataset.fingerprint != record.data.get("fingerprint"):
            raise ValueError(f"{spec} has the fingerprint {dataset.fingerprint}, not {record.data.get('fingerprint')}")
        references = {example.image_id: example.captions for example in dataset.test}
        return Scorer(references, [Spec.parse(metric) for metric in record.request["metrics"]])


def _unlike_request(record: RunRecord) -> Iterator[str]:
    """Where a record says something else than the request that its id stands for."""
    said = {**record.parts, "seed": record.seed, "dataset": record.dataset}
    for name, value in said.items():
        if record.request.get(name) != value:
            yield f"its {name} is {value!r}, its request says {record.request.get(name)!r}"
    if record.done and record.data.get("fingerprint") != record.request.get("fingerprint"):
        yield "the fingerprint of its data is not that of its request"


def _unrepeatable(record: RunRecord) -> Iterator[str]:
    """Why nobody can make the record again with this version."""
    commit = record.environment.get("commit")
    if not commit:
        yield "it does not say with which commit it was made"
    elif str(commit).endswith("+"):
        yield "it was made with changed files (commit with +), so nobody can make it again"
    if record.request.get("protocol") != PROTOCOL:
        yield f"it is of protocol {record.request.get('protocol')!r}, this version has {PROTOCOL}"


def _implausible(record: RunRecord) -> Iterator[str]:
    for name in SCORES:
        value = record.scores.get(name, 0.0)
        if not _number(value) or not 0 <= value <= _TOP.get(name, 1.0):
            yield f"its {name} is {value!r}, which no captions give"
    per_image = record.per_image.get("CIDEr", {})
    if not per_image or not all(map(_number, per_image.values())):
        yield "it has no CIDEr per image, so nothing can be compared with it"
    elif not math.isclose(fmean(per_image.values()), record.scores.get("CIDEr", math.nan), abs_tol=_CLOSE):
        yield f"its CIDEr per image has the mean {fmean(per_image.values()):.6f}, not {record.scores.get('CIDEr')}"
    if record.captions and record.captions.keys() != per_image.keys():
        yield "it has captions of other images than it has scores"
    for name, rate in record.throughput.items():
        if not _number(rate) or rate <= 0:
            yield f"its {name} is {rate!r}"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
