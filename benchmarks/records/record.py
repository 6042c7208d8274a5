"""One run, written down once and never edited: its request, how good, how fast, where."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmarks.records.outcome import Outcome
from benchmarks.records.packed import is_packed
from benchmarks.records.schema import Number, convert, loads, parse
from zoo.atomic import write_atomically
from zoo.settings import OMIT_DEFAULT, to_request

SCHEMA = 1
FILE = "record.json"
REQUEST = "request.json"  # beside it, and there as long as the run lasts
CAPTIONS = "captions.json"  # beside it, in COCO's results form
PARTS = ("backbone", "attention", "decoder")
SCORES = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr")


def canonical(values: Mapping[str, Any]) -> str:
    """The fields of a record as the one spelling that digests are taken of: JSON with sorted keys, on one line."""
    return json.dumps(values, sort_keys=True)


def digest(values: Mapping[str, Any]) -> str:
    """The sha256 of that spelling."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()


class BadRecord(ValueError):
    """A file that is no run record, or of another schema, or cannot be read; the message names it."""


class TornRecord(BadRecord):
    """One that can be read and is no record: torn, edited or damaged."""


@dataclass(frozen=True)
class RunRecord:
    """What one cell of a matrix gave.

    id: hash of `request` alone, which is all that decides the outcome.
    status: "done", or "failed" with the reason in `error`, and its name in `outcome` (see `OUTCOMES`).
    parts: backbone, attention and decoder, as Specs; origins: where each came from.
    dataset, split: the data set as a Spec without its folder, and its test split.
    synthetic: the images are synthetic scenes, so the scores say nothing of photographs.
    weights: where the backbone's weights came from, or "random".
    data: fingerprint, images per split, those left out, share of unknown reference words, split held out from.
    scores: raw, not x 100; signature says how they were made.
    diagnostics: what only this data set can tell (see `Dataset.diagnostics`); `bad_endings`: the share that breaks off.
    per_image: metric -> image id -> score; captions: image id -> the model's caption; both over the test split.
    samples: a few test images with what a card shows of them (see `benchmarks.cell.samples`).
    throughput: medians; `timing` holds batch sizes, repeats and spread.
    params: of the whole model; trained: of those, how many learn.
    flops: floating-point operations for one image: "encode" by the backbone, "beam" by the search over every step.
    reward: signature of what training was rewarded for, where it was, after SacreEOS (Hu et al., 2023).
    teacher: option of the training objective -> id of the run that it names, where the model learned from one.
    files: name -> sha256 of what lies beside it; curve: one entry per epoch; best_epoch: whose weights were kept.
    """

    id: str
    status: Literal["done", "failed"]
    parts: Mapping[str, str]
    dataset: str
    seed: int
    request: Mapping[str, Any]
    environment: Mapping[str, Any]
    error: str | None = None
    experiment: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)
    split: str = ""
    synthetic: bool = False
    weights: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    scores: Mapping[str, Number] = field(default_factory=dict)
    diagnostics: Mapping[str, Number] = field(default_factory=dict)
    per_image: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    samples: tuple[Mapping[str, Any], ...] = ()
    throughput: Mapping[str, Number] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    params: int = 0
    trained: int = 0
    flops: Mapping[str, Number] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, Number] = field(default_factory=dict)
    curve: tuple[Mapping[str, Number], ...] = ()
    best_epoch: int = 0
    reward: str = field(default="", metadata=OMIT_DEFAULT)
    teacher: Mapping[str, str] = field(default_factory=dict, metadata=OMIT_DEFAULT)
    outcome: Outcome = field(default="", metadata=OMIT_DEFAULT)
    finished: str = ""  # UTC, ISO 8601
    schema: int = SCHEMA

    @property
    def done(self) -> bool:
        """Whether the cell ran to its end."""
        return self.status == "done"

    def to_json(self) -> dict[str, Any]:
        """As it is written: what came after the first records is left out where it has its default."""
        return to_request(self)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the record, the same for every spelling of its file."""
        return digest(self.to_json())

    def save(self, folder: Path) -> None:
        """Write `record.json` into `folder`, with its own digest as `sha256`, and force it to disk.

        Raises:
            ValueError, TypeError: a field holds what `load` would refuse; nothing is written.
        """
        values = {**self.to_json(), "sha256": self.digest}
        text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        convert(loads(text.encode()), type(self))
        write_atomically(folder / FILE, text)

    @classmethod
    def load(cls, path: Path) -> "RunRecord":
        """Read a record, from its file or its folder.

        Raises:
            BadRecord: it is missing, no record, or of another schema, a field holds what it may not, its digest
                is missing or not that of its content, or it is done and has an outcome.
        """
        path = path / FILE if path.is_dir() else path
        try:
            values = parse(path)
            found = values.get("schema") if isinstance(values, dict) else None
            if found != SCHEMA:
                kind = BadRecord if type(found) is int else TornRecord
                raise kind(f"{path} is no run record of schema {SCHEMA} (its schema: {found!a})")
            if values.pop("sha256", None) != digest(values):
                raise TornRecord(f"run record {path} was edited or damaged: its sha256 is missing or another one")
            record = convert(values, cls)
            convert(values, _AnyProtocol)
            if record.done and record.outcome:
                raise TornRecord(f"run record {path} is of a finished run, with the outcome {record.outcome!r}")
        except BadRecord:
            raise
        except OSError as error:
            raise BadRecord(f"cannot read run record {path}: {error}") from None
        except ValueError as error:
            raise TornRecord(f"cannot read run record {path}: {error}") from None
        return record


@dataclass(frozen=True)
class _AnyRequest:
    """What of a request is the same in every protocol; `Request` has all of this one."""

    metrics: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    ensemble: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _AnyProtocol:
    request: _AnyRequest


def records(root: Path, on_bad: Callable[[BadRecord], None] | None = None) -> Iterator[RunRecord]:
    """Every run's record below `root`, by id; one that cannot be believed is passed over, after a call of `on_bad`.

    That of a packed model has the id of its run: it counts only in `root` itself, and takes no run's place.

    Raises:
        BadRecord: one of them cannot be read, or its id is not that of its request, and there is no `on_bad`.
    """
    found = []
    for path in record_files(root):
        try:
            record = RunRecord.load(path)
            if record.id != digest(record.request)[:12]:
                raise TornRecord(f"run record {path} was edited: its id is not the hash of its request")
            found += [record] * (path.parent == root or not is_packed(record.environment))
        except BadRecord as bad:
            if on_bad is None:
                raise
            on_bad(bad)
    yield from sorted(found, key=lambda record: record.id)


def record_files(root: Path) -> list[Path]:
    """Where records lie: `record.json` of a run, or `ID.json`; unfinished runs in hidden folders are passed over."""
    return sorted(
        path
        for path in root.rglob("*.json")
        if (path.name == FILE or re.fullmatch(r"[0-9a-f]{12}\.json", path.name))
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
