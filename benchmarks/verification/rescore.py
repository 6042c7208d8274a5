"""Whether a record can be believed: it fits its own request, and its captions give its scores."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.data import DATASETS, Dataset
from benchmarks.evaluation.scorer import Scorer
from benchmarks.plan.kinds import KINDS
from benchmarks.records.record import PARTS, BadRecord, RunRecord
from benchmarks.runtime.latest import Latest
from benchmarks.runtime.progress import bar
from benchmarks.verification.checker.check import Checker
from benchmarks.verification.checker.provenance import HOME
from registry import Spec

_CLOSE = 1e-5  # scores per image have six digits
_MOST = 200_000  # a record that asks for more synthetic images is not made again


class RecordChecker:
    """Checks records, those of one data set and its metrics together, so that what scores them is made once.

    `dataset` stands for the data set of records that leave out where it lies, and is made once for all; without it,
    only data sets that need no files are made again. `rescored` counts the records whose captions
    were scored again, with files below `cache` that spare work. Used by `with`, it ends what it started.
    """

    def __init__(self, dataset: Spec | None = None, *, cache: Path | None = None) -> None:
        self.dataset, self.cache = dataset, cache
        self.rescored = 0
        self._checker = Checker()
        self._given: Latest[Spec, Dataset] = Latest()
        self._other: Latest[Spec, Dataset] = Latest()
        self._rescorer: Latest[tuple[str, ...], _Rescorer] = Latest(_Rescorer.close)

    def __enter__(self) -> "RecordChecker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rescorer.drop()

    def problems(self, files: Iterable[Path]) -> Iterator[str]:
        """One line for everything that does not hold, with the file's name."""
        ordered = sorted(files, key=_scored_with)
        with bar(len(ordered), "checking", "record") as progress:
            for file in ordered:
                try:
                    record = RunRecord.load(file)
                except BadRecord as error:
                    yield str(error)
                else:
                    yield from (f"{file}: {problem}" for problem in dict.fromkeys(self.problems_of(record, file)))
                progress.update()

    def problems_of(self, record: RunRecord, file: Path) -> Iterator[str]:
        """What does not hold of one record: what takes nothing but the standard library, then what takes packages."""
        yield from self._checker.problems(file)
        if not shareable(record) and any({"picture", "references"} & sample.keys() for sample in record.samples):
            yield "its samples hold pictures or references, which are not ours to pass on"
        yield from _unknown_parts(record)
        if record.done and record.captions:
            yield from self._rescored(record)

    def _rescored(self, record: RunRecord) -> Iterator[str]:
        try:
            rescorer = self._rescorer_of(record)
            if rescorer is not None:
                found = list(rescorer.problems(record))
                self.rescored += 1
                yield from found
        except ValueError as error:
            yield f"it cannot be scored again: {error}"

    def _rescorer_of(self, record: RunRecord) -> "_Rescorer | None":
        """What scores its captions; None where its data set needs --dataset."""
        spec = self._allowed(Spec.parse(record.dataset))
        if spec is None:
            return None
        fingerprint, metrics = record.data.get("fingerprint"), record.request.get("metrics", ())
        key = (str(spec), str(fingerprint), str(metrics))
        held = self._given if spec == self.dataset else self._other  # records of the one stand among those of others
        dataset = held.get(spec, lambda: DATASETS.build(spec))
        return self._rescorer.get(key, lambda: _Rescorer.of(dataset, spec, fingerprint, metrics, self.cache))

    def _allowed(self, spec: Spec) -> Spec | None:
        """The data set to make for a record that names `spec`: a record chooses neither what is read nor how much."""
        factory = DATASETS[spec.name]
        location = getattr(factory, "location", ())
        if own := sorted(spec.options.keys() & set(location) - set(getattr(factory, "public", ()))):
            raise ValueError(f"{spec} says with {own[0]} where data lie, which is for --dataset to say")
        if self.dataset is not None and self.dataset.name == spec.name:
            return self.dataset
        if sum(abs(value) for value in spec.options.values() if isinstance(value, int)) > _MOST:
            raise ValueError(f"the numbers of {spec} add up to more than {_MOST:,}: allow it with --dataset")
        return None if location else spec


def _scored_with(file: Path) -> tuple[str, ...]:
    """What records have alike that are scored by the same references and metrics; a bad one is reported in its turn."""
    try:
        record = RunRecord.load(file)
    except BadRecord:
        return ()
    return record.dataset, str(record.data.get("fingerprint")), str(record.request.get("metrics"))


def _unknown_parts(record: RunRecord) -> Iterator[str]:
    """Parts that a record names as caption-zoo's and that are not."""
    for part, origin in record.origins.items():
        name = re.split(r"[/(]", record.parts.get(part, ""))[0]
        if origin == HOME and part in PARTS and name not in KINDS[part]:
            yield f"its {part} {name!a} is none of {HOME}"


def shareable(record: RunRecord) -> bool:
    """Whether its data set lets pictures and references stand in a record; one that is not known does not."""
    try:
        return bool(getattr(DATASETS[Spec.parse(record.dataset).name], "shareable", False))
    except ValueError:
        return False


@dataclass(frozen=True)
class _Rescorer:
    """A data set, and what scores captions of its test images."""

    dataset: Dataset
    scorer: Scorer

    @classmethod
    def of(
        cls, dataset: Dataset, spec: Spec, fingerprint: object, metrics: Iterable[str], cache: Path | None
    ) -> "_Rescorer":
        if dataset.fingerprint != fingerprint:
            raise ValueError(f"{spec} has the fingerprint {dataset.fingerprint}, not {fingerprint}")
        references = {example.image_id: example.captions for example in dataset.test}
        return cls(dataset, Scorer(references, [Spec.parse(metric) for metric in metrics], cache=cache))

    def close(self) -> None:
        """End the programs of metrics."""
        self.scorer.close()

    def problems(self, record: RunRecord) -> Iterator[str]:
        """Where a record says something else than its captions and its data set give."""
        for name in ("split", "synthetic"):
            if getattr(record, name) != getattr(self.dataset, name):
                yield f"its {name} is {getattr(record, name)!r}, its data set has {getattr(self.dataset, name)!r}"
        images = [example.image_id for example in self.dataset.test]
        if record.captions.keys() != set(map(str, images)):
            yield "its captions are not those of all test images, and of no other"
            return
        scores = self.scorer.score({image: record.captions[str(image)] for image in images})
        if record.signature != scores.signature:
            yield f"its captions are scored here by {scores.signature!r}, it says {record.signature!r}"
        yield from _unlike(scores.values, record.scores, "")
        for metric, recorded in record.per_image.items():
            actual = {str(image): value for image, value in scores.per_image.get(metric, {}).items()}
            yield from list(_unlike(actual, recorded, f" for {metric} of image"))[:1]  # one is enough


def _unlike(actual: Mapping[str, float], recorded: Mapping[str, float], what: str) -> Iterator[str]:
    for name in sorted(actual.keys() | recorded.keys()):
        one, other = actual.get(name), recorded.get(name)
        if one is None or other is None or not math.isclose(one, other, rel_tol=0, abs_tol=_CLOSE):
            value = "nothing" if one is None else f"{one:.6f}"
            yield f"its captions give{what} {name} {value}, it says {other}"
