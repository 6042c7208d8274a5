"""Fields of a cell's record, from what it has made, decoded and scored."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cell.made import Made
from benchmarks.cell.samples import picked, samples, write_gallery
from benchmarks.data import Dataset
from benchmarks.evaluation.decode import attention_maps
from benchmarks.evaluation.scorer import Scores
from benchmarks.features.store import ImageStore
from benchmarks.records.samples import GALLERY
from benchmarks.runtime.resources import Resources
from zoo.vocabulary import Vocabulary, tokenize


def circumstances(made: Made, timed: str, resources: Resources) -> dict[str, int | str]:
    """What was particular in how it was encoded, trained and timed."""
    outcome, images = made.outcome, made.stores[0]
    noted: dict[str, int | str] = {
        "encoder": images.runtime,
        "encoder_timed": timed if timed != images.runtime else "",
        "resumed": outcome.resumed,
        "micro_batch": outcome.micro_batch,
    }
    several = {"processes": resources.launch.world, "workers": resources.workers}
    return {name: value for name, value in noted.items() if value} | {
        name: value for name, value in several.items() if value > 1
    }


def data_fields(dataset: Dataset, store: ImageStore, vocabulary: Vocabulary) -> dict[str, Any]:
    """What a record says of its data set, and of how much of it there was."""
    words = [word for example in dataset.test for caption in example.captions for word in tokenize(caption)]
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "train": sum(example.image_id in store.rows for example in dataset.train),
        "validation": sum(example.image_id in store.rows for example in dataset.validation),
        "test": len(dataset.test),
        "skipped": list(store.skipped),
        "vocabulary": len(vocabulary),
        "unknown_words": sum(word not in vocabulary for word in words) / max(1, len(words)),
        **({"held_out_from": dataset.held_out_from} if dataset.held_out_from else {}),
    }


def score_fields(scores: Scores) -> dict[str, Any]:
    """What a record says of scores."""
    per_image = {image: round(value, 6) for image, value in scores.per_image.get("CIDEr", {}).items()}
    return {
        "scores": scores.values,
        "signature": scores.signature,
        "per_image": {"CIDEr": {str(image): value for image, value in per_image.items()}},
    }


def sample_fields(
    made: Made,
    dataset: Dataset,
    hypotheses: Mapping[int, list[str]],
    scores: Scores,
    folder: Path,
) -> tuple[dict[str, Any], ...]:
    """What the card of this run shows; what may not be passed on goes into the gallery. Nothing without CIDEr."""
    rated = scores.per_image.get("CIDEr", {})
    picks = picked(rated)
    if not picks:
        return ()
    predictions = attention_maps(made.model, {image: hypotheses[image] for image in picks}, made.stores)
    non_visual = bool(made.model.decoder.non_visual_source)
    entries, gallery = samples(dataset, predictions, rated, picks, non_visual=non_visual)
    write_gallery(gallery, folder)
    return tuple(entries)


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of what lies in the run's folder, save the gallery, which is not passed on."""
    found = sorted(path for path in folder.iterdir() if path.name != GALLERY)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
