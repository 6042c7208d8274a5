"""One cell, from its request to its record."""

import hashlib
import json
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.config import Cell
from benchmarks.data import DATASETS, Dataset
from benchmarks.decode import decode, look, validation_score
from benchmarks.hardware import device, environment
from benchmarks.images import ImageStore, image_store
from benchmarks.publish import asked, failed, finished, new_partial, now, publish
from benchmarks.record import REQUEST, RunRecord
from benchmarks.samples import GALLERY, picked, samples, write_gallery
from benchmarks.score import Scorer, Scores
from benchmarks.throughput.run import measure
from benchmarks.train import Outcome, train
from registry import Spec
from zoo import checkpoint
from zoo.backbones import RANDOM, Weights
from zoo.captioner import Captioner, Parts
from zoo.vocabulary import Vocabulary, tokenise


def run_cell(cell: Cell, out: Path, cache: Path) -> RunRecord:
    """Run `cell` and publish its folder as ``out/<id>``, whole or not at all.

    Whatever is raised on the way becomes a record that says so; an earlier failure of the
    same cell is replaced, an earlier success never.
    """
    if record := finished(out / cell.id):
        return record  # another runner was here in the meantime
    partial = new_partial(cell, out)
    (partial / REQUEST).write_text(json.dumps(cell.request, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    try:
        record = _run(cell, partial, cache)
    except Exception as error:
        (partial / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        record = failed(cell, f"{type(error).__name__}: {error}")
    return publish(record, partial, out)


@dataclass
class _Clock:
    """How long each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started


def _run(cell: Cell, folder: Path, cache: Path) -> RunRecord:
    dataset, clock = load_dataset(cell.dataset), _Clock()
    scorer = _scorer(cell.dataset, cell.metrics, cache)
    captioner, weights = _build(cell, dataset)
    named = f"{cell.backbone} {cell.sources.get('backbone', '')}"
    mirror = cell.training.mirror
    store = image_store(dataset, captioner.backbone, named=named, mirror=mirror, cache=cache, device=device())
    with clock.measure("train"):
        outcome = _train(cell, captioner, dataset, store)
    checkpoint.save(captioner, folder, weights=weights)
    with clock.measure("decode"):
        said = decode(captioner, [example.image_id for example in dataset.test], store, cell.decoding)
    diagnostics = dataset.assess(look(captioner, said, store)) if dataset.synthetic else {}
    with clock.measure("score"):
        scores = scorer.score({image: " ".join(words) for image, words in said.items()})
    _write_captions(said, folder)
    shown = _samples(captioner, dataset, store, said, scores, folder)
    with clock.measure("measure"):
        measured = measure(folder, captioner, frozen=None if captioner.backbone.trainable else named)
    return RunRecord(
        **asked(cell),
        status="done",
        weights=weights.source,
        data=_data(dataset, store, captioner.vocabulary),
        **_scored(scores),
        captions={str(image): " ".join(words) for image, words in said.items()},
        samples=shown,
        diagnostics=diagnostics,
        **measured._asdict(),
        params=sum(tensor.numel() for tensor in captioner.parameters()),
        trained=sum(tensor.numel() for tensor in captioner.parameters() if tensor.requires_grad),
        seconds={"encode": store.seconds, **clock.seconds},
        curve=outcome.curve,
        best_epoch=outcome.best_epoch,
        files=_hashes(folder),
        environment=environment(),
        finished=now(),
    )


@lru_cache(maxsize=1)
def load_dataset(spec: Spec) -> Dataset:
    """The data set, read once for all cells that a process runs."""
    return DATASETS.build(spec)


@lru_cache(maxsize=1)
def _scorer(dataset: Spec, metrics: tuple[Spec, ...], cache: Path) -> Scorer:
    references = {example.image_id: example.captions for example in load_dataset(dataset).test}
    return Scorer(references, metrics, cache=cache)


@lru_cache(maxsize=1)
def _vocabulary(dataset: Spec, min_count: int) -> Vocabulary:
    captions = (caption for example in load_dataset(dataset).train for caption in example.captions)
    return Vocabulary.of(captions, min_count=min_count)


def _build(cell: Cell, dataset: Dataset) -> tuple[Captioner, Weights]:
    torch.manual_seed(cell.seed)
    parts = Parts.parse(cell.backbone, cell.attention, cell.decoder)
    captioner = Captioner.build(parts, _vocabulary(cell.dataset, cell.training.min_count))
    weights = captioner.backbone.load_pretrained()
    if weights == RANDOM and captioner.backbone.trainable:
        weights = RANDOM._replace(source="trained from scratch")
    return captioner.to(device()).eval(), weights


def _train(cell: Cell, captioner: Captioner, dataset: Dataset, store: ImageStore) -> Outcome:
    learnt = [example for example in dataset.train if example.image_id in store.rows]
    held_out = [example for example in dataset.validation if example.image_id in store.rows]
    return train(
        captioner,
        learnt,
        store,
        cell.training,
        seed=cell.seed,
        judge=lambda model: validation_score(model, held_out, store, cell.decoding),
    )


def _data(dataset: Dataset, store: ImageStore, vocabulary: Vocabulary) -> dict[str, Any]:
    words = [word for example in dataset.test for caption in example.captions for word in tokenise(caption)]
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "train": sum(example.image_id in store.rows for example in dataset.train),
        "validation": sum(example.image_id in store.rows for example in dataset.validation),
        "test": len(dataset.test),
        "skipped": list(store.skipped),
        "vocabulary": len(vocabulary),
        "unknown_words": sum(word not in vocabulary for word in words) / max(1, len(words)),
    }


def _scored(scores: Scores) -> dict[str, Any]:
    per_image = {image: round(value, 6) for image, value in scores.per_image.get("CIDEr", {}).items()}
    return {
        "scores": scores.values,
        "signature": scores.signature,
        "per_image": {"CIDEr": {str(image): value for image, value in per_image.items()}},
    }


def _samples(
    captioner: Captioner,
    dataset: Dataset,
    store: ImageStore,
    said: Mapping[int, list[str]],
    scores: Scores,
    folder: Path,
) -> tuple[dict[str, Any], ...]:
    """What the card of this run shows; what may not be passed on goes into the gallery. Nothing without CIDEr."""
    rated = scores.per_image.get("CIDEr", {})
    picks = picked(rated)
    if not picks:
        return ()
    described = look(captioner, {image: said[image] for image in picks}, store)
    told, gallery = samples(dataset, described, rated, picks, elsewhere=bool(captioner.decoder.elsewhere))
    write_gallery(gallery, folder)
    return tuple(told)


def _hashes(folder: Path) -> dict[str, str]:
    """The sha256 of what lies in the run's folder, save the gallery, which is not passed on."""
    found = sorted(path for path in folder.iterdir() if path.name != GALLERY)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _write_captions(said: Mapping[int, list[str]], folder: Path) -> None:
    """COCO's results form, which pycocotools' `loadRes` reads."""
    captions = [{"image_id": image, "caption": " ".join(words)} for image, words in said.items()]
    text = json.dumps(captions, indent=0, ensure_ascii=False) + "\n"
    (folder / "captions.json").write_text(text, encoding="utf-8")
