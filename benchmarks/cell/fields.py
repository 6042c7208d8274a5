"""Fields of a cell's record that tell of its data, and of how it was made."""

from typing import Any

from benchmarks.cell.model import TrainedModel
from benchmarks.data import Dataset
from benchmarks.features.store import ImageStore
from benchmarks.runtime.resources import Resources
from zoo.vocabulary import Vocabulary, tokenize


def circumstances(trained: TrainedModel, timed: str, resources: Resources) -> dict[str, int | str]:
    """What was particular in how it was encoded, trained and timed."""
    result, images = trained.result, trained.stores[0]
    noted: dict[str, int | str] = {
        "encoder": images.runtime,
        "encoder_timed": timed if timed != images.runtime else "",
        "resumed": result.resumed,
        "micro_batch": result.micro_batch,
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
