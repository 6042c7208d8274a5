"""One run, written down once and never edited: what was asked, how good, how fast, where."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks.records.schema import misfit
from zoo.atomic import write_atomically

SCHEMA = 1
FILE = "record.json"
REQUEST = "request.json"  # beside it, and there as long as the run lasts
CAPTIONS = "captions.json"  # beside it, in COCO's results form
PARTS = ("backbone", "attention", "decoder")
SCORES = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr")


class BadRecord(ValueError):
    """A file that is no run record, or of another schema; the message names it."""


@dataclass(frozen=True)
class RunRecord:
    """What one cell of a matrix gave.

    id: hash of `request` alone, which is all that decides the outcome.
    status: "done", or "failed" with the reason in `error`.
    parts: backbone, attention and decoder, as Specs; origins: where each came from.
    dataset, split: the data set as a Spec without its folder, and what was judged.
    synthetic: the images are drawn, so the scores say nothing of photographs.
    weights: where the backbone's weights came from, or "random".
    data: fingerprint; images per split; names of images left out; share of reference
        words that the vocabulary lacks.
    scores: raw, not x 100; signature says how they were made.
    diagnostics: what only this data set can tell (see `Dataset.diagnostics`).
    per_image: metric -> image id -> score, over the judged split.
    captions: image id -> what the model said, over the judged split.
    samples: a few judged images with what a card shows of them (see `benchmarks.cell.samples`).
    throughput: medians; `timing` holds batch sizes, repeats and spread.
    params: of the whole model; trained: of those, how many learn.
    flops: floating-point operations for one image: "encode" by the backbone, "beam" by the
        search over every step.
    files: name -> sha256 of what lies beside the record.
    curve: one entry per epoch; best_epoch: the one whose weights were kept.
    """

    id: str
    status: str
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
    scores: Mapping[str, float] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    per_image: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    samples: tuple[Mapping[str, Any], ...] = ()
    throughput: Mapping[str, float] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    params: int = 0
    trained: int = 0
    flops: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[Mapping[str, float], ...] = ()
    best_epoch: int = 0
    finished: str = ""  # UTC, ISO 8601
    schema: int = SCHEMA

    @property
    def done(self) -> bool:
        """Whether the cell ran to its end."""
        return self.status == "done"

    def save(self, folder: Path) -> None:
        """Write `record.json` into `folder` and force it to disk."""
        write_atomically(folder / FILE, json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> "RunRecord":
        """Read a record, from its file or its folder.

        Raises:
            BadRecord: it is missing, no record, or of another schema, or a field holds what it may not.
        """
        path = path / FILE if path.is_dir() else path
        try:
            text = path.read_text(encoding="utf-8")
            values = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except (OSError, ValueError, RecursionError) as error:
            raise BadRecord(f"cannot read run record {path}: {error}") from None
        if not isinstance(values, dict) or values.get("schema") != SCHEMA:
            found = values.get("schema") if isinstance(values, dict) else None
            raise BadRecord(f"{path} is no run record of schema {SCHEMA} (its schema: {found})")
        names = {item.name for item in fields(cls)}
        known = {key: value for key, value in values.items() if key in names}
        if wrong := misfit(known):
            raise BadRecord(f"cannot read run record {path}: its {wrong}")
        known |= {key: tuple(known[key]) for key in ("samples", "curve") if key in known}  # JSON has lists alone
        try:
            return cls(**known)
        except TypeError as error:
            raise BadRecord(f"{path} is no complete run record: {error}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no number of JSON, or too large a one")
    return value


def records(root: Path) -> Iterator[RunRecord]:
    """Every record below `root`, by id.

    Raises:
        BadRecord: one of them cannot be read.
    """
    yield from sorted((RunRecord.load(path) for path in record_files(root)), key=lambda record: record.id)


def record_files(root: Path) -> list[Path]:
    """Where records lie: `record.json` of a run, or `ID.json`; unfinished runs in hidden folders are passed over."""
    return sorted(
        path
        for path in root.rglob("*.json")
        if (path.name == FILE or re.fullmatch(r"[0-9a-f]{12}\.json", path.name))
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
