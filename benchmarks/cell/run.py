"""One cell, from its request to its record."""

import hashlib
import json
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cell.checkpoints import cell_checkpoints
from benchmarks.cell.context import Context
from benchmarks.cell.observer import CellObserver
from benchmarks.cell.prepare import backbone_name, store
from benchmarks.cell.samples import picked, samples, write_gallery
from benchmarks.cell.train import build, train
from benchmarks.cell.workdir import (
    failed,
    keep_output,
    now,
    publish,
    remove_checkpoints,
    request_fields,
    working_folder,
)
from benchmarks.data import Dataset
from benchmarks.data.formats.coco_json import write_results
from benchmarks.evaluation.decode import attention_maps, decode
from benchmarks.evaluation.endings import bad_ending_rate
from benchmarks.evaluation.scorer import Scores
from benchmarks.features.runtime import runtime_of
from benchmarks.features.store import ImageStore
from benchmarks.plan.cell import Cell
from benchmarks.records.outcome import outcome_of
from benchmarks.records.record import CAPTIONS, REQUEST, RunRecord
from benchmarks.records.samples import GALLERY
from benchmarks.runtime.environment import environment
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.storage import StorageError, storage_fault
from benchmarks.throughput.measure import measure
from benchmarks.training.checkpoints import Checkpoints
from benchmarks.training.curve import TrainResult
from zoo import checkpoint
from zoo.captioner import Captioner
from zoo.vocabulary import Vocabulary, tokenize


def run_cell(cell: Cell, out: Path, context: Context) -> RunRecord:
    """Run `cell`, whose lease the caller holds, and publish its folder as ``out/<id>``, whole or not at all.

    Whatever is raised on the way becomes a record that says so; an earlier failure of the
    same cell is replaced, an earlier success never.

    Raises:
        StorageError: the disk is full, or cannot be written to, which is no fault of the cell's.
    """
    with working_folder(cell, out) as partial, cell_checkpoints(cell, out) as checkpoints:
        try:
            (partial / REQUEST).write_text(json.dumps(cell.request, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            with CellObserver(cell, out, context.loggers) as observer:
                record = _run(cell, partial, context, checkpoints, observer)
            record.save(partial)  # a part may have given what no record can hold
        except Exception as error:
            if fault := storage_fault(error, out, context.cache):
                raise StorageError(fault) from error
            (partial / "error.txt").write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            record = failed(cell, f"{type(error).__name__}: {error}", outcome_of(error), java=context.java)
            record.save(partial)
        if context.output is not None:
            keep_output(context.output, partial)
        record = publish(record, partial, out)
        if record.done:
            remove_checkpoints(cell, out)
        return record


@dataclass
class _Clock:
    """How long each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started


def _run(cell: Cell, folder: Path, context: Context, checkpoints: Checkpoints, observer: CellObserver) -> RunRecord:
    dataset, clock = context.dataset(cell.located_dataset), _Clock()
    if dataset.fingerprint != cell.fingerprint:
        raise ValueError(f"{cell.dataset} has changed since the run was planned: run the same command again")
    scorer = context.scorer(cell.located_dataset, cell.metrics)
    captioner, weights = build(cell, context)
    images = store(cell, captioner.backbone, context)
    outcome = train(cell, captioner, context, images, checkpoints, observer)
    checkpoint.save(captioner, folder, weights=weights)
    with clock.measure("decode"):
        hypotheses = decode(captioner, [example.image_id for example in dataset.test], images, cell.decoding)
    diagnostics = dataset.diagnostics(attention_maps(captioner, hypotheses, images)) if dataset.synthetic else {}
    captions = {image: " ".join(words) for image, words in hypotheses.items()}
    with clock.measure("score"):
        scores = scorer.score(captions)
    observer.on_scores(scores.values)
    write_results(captions, folder / CAPTIONS, {example.image_id: example.source for example in dataset.test})
    shown = _samples(captioner, dataset, images, hypotheses, scores, folder)
    with clock.measure("measure"):
        named = backbone_name(cell)
        encoder = context.features.encoder(images, captioner.backbone, named=named)
        frozen = None if captioner.backbone.trainable else named
        measured = measure(folder, captioner, encoder, frozen=frozen, encoder_timings=context.encoder_timings)
    return RunRecord(
        **request_fields(cell),
        status="done",
        weights=weights.source,
        data=_data(dataset, images, captioner.vocabulary),
        **_scored(scores),
        captions={str(image): caption for image, caption in captions.items()},
        samples=shown,
        diagnostics={**diagnostics, "bad_endings": bad_ending_rate(hypotheses.values())},
        **measured._asdict(),
        params=sum(tensor.numel() for tensor in captioner.parameters()),
        trained=sum(tensor.numel() for tensor in captioner.parameters() if tensor.requires_grad),
        seconds={"encode": images.seconds, "train": outcome.seconds, **clock.seconds},
        curve=outcome.curve,
        best_epoch=outcome.best_epoch,
        reward=outcome.reward,
        files=_hashes(folder),
        environment=environment(java=context.java) | _how(outcome, images, runtime_of(encoder), context.resources),
        finished=now(),
    )


def _how(outcome: TrainResult, images: ImageStore, timed: str, resources: Resources) -> dict[str, int | str]:
    """What was particular in how it was encoded, trained and timed."""
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


def _data(dataset: Dataset, store: ImageStore, vocabulary: Vocabulary) -> dict[str, Any]:
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
    hypotheses: Mapping[int, list[str]],
    scores: Scores,
    folder: Path,
) -> tuple[dict[str, Any], ...]:
    """What the card of this run shows; what may not be passed on goes into the gallery. Nothing without CIDEr."""
    rated = scores.per_image.get("CIDEr", {})
    picks = picked(rated)
    if not picks:
        return ()
    predictions = attention_maps(captioner, {image: hypotheses[image] for image in picks}, store)
    entries, gallery = samples(dataset, predictions, rated, picks, non_visual=bool(captioner.decoder.non_visual_source))
    write_gallery(gallery, folder)
    return tuple(entries)


def _hashes(folder: Path) -> dict[str, str]:
    """The sha256 of what lies in the run's folder, save the gallery, which is not passed on."""
    found = sorted(path for path in folder.iterdir() if path.name != GALLERY)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
