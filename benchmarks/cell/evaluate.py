"""How good a trained model is on the test split, as fields of a record; and the files beside it."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cell.samples import picked, samples
from benchmarks.config import Decoding
from benchmarks.data import Dataset
from benchmarks.data.formats.coco_json import write_results
from benchmarks.evaluation.decode import attention_maps, decode
from benchmarks.evaluation.endings import bad_ending_rate
from benchmarks.evaluation.scorer import Scorer, Scores
from benchmarks.features.store import ImageStore
from benchmarks.records.record import CAPTIONS
from benchmarks.records.samples import GALLERY
from zoo.caption_model import CaptionModel


@dataclass
class Clock:
    """How long each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Inside runs `stage`."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started


class Evaluation(NamedTuple):
    """The fields of a record that the captions decide, and what of their samples may not be passed on."""

    fields: dict[str, Any]
    gallery: dict[str, Any]


def evaluate(
    model: CaptionModel,
    dataset: Dataset,
    stores: Sequence[ImageStore],
    scorer: Scorer,
    decoding: Decoding,
    folder: Path,
    clock: Clock,
) -> Evaluation:
    """Caption the test images, write the captions into `folder`, and score them."""
    with clock.measure("decode"):
        hypotheses = decode(model, [example.image_id for example in dataset.test], stores, decoding)
    diagnostics = dataset.diagnostics(attention_maps(model, hypotheses, stores)) if dataset.synthetic else {}
    captions = {image: " ".join(words) for image, words in hypotheses.items()}
    with clock.measure("score"):
        scores = scorer.score(captions)
    write_results(captions, folder / CAPTIONS, {example.image_id: example.source for example in dataset.test})
    shown, gallery = _samples(model, dataset, stores, hypotheses, scores)
    fields = {
        **_scored(scores),
        "captions": {str(image): caption for image, caption in captions.items()},
        "samples": tuple(shown),
        "diagnostics": {**diagnostics, "bad_endings": bad_ending_rate(hypotheses.values())},
    }
    return Evaluation(fields, gallery)


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of what lies in the folder, save the gallery, which is not passed on."""
    found = sorted(path for path in folder.iterdir() if path.name != GALLERY)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _scored(scores: Scores) -> dict[str, Any]:
    per_image = {image: round(value, 6) for image, value in scores.per_image.get("CIDEr", {}).items()}
    return {
        "scores": scores.values,
        "signature": scores.signature,
        "per_image": {"CIDEr": {str(image): value for image, value in per_image.items()}},
    }


def _samples(
    model: CaptionModel,
    dataset: Dataset,
    stores: Sequence[ImageStore],
    hypotheses: Mapping[int, list[str]],
    scores: Scores,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the card shows, and what it may not pass on, which goes into the gallery. Nothing without CIDEr."""
    rated = scores.per_image.get("CIDEr", {})
    picks = picked(rated)
    if not picks:
        return [], {}
    predictions = attention_maps(model, {image: hypotheses[image] for image in picks}, stores)
    return samples(dataset, predictions, rated, picks, non_visual=bool(model.decoder.non_visual_source))
