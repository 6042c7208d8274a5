"""A run's model as a pretrained one: in half precision, scored again as it will be loaded, with its card and record."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.cell.context import Context
from benchmarks.cell.evaluate import Clock, evaluate, hashes
from benchmarks.leaderboard.card.markdown import model_card
from benchmarks.records.record import REQUEST, RunRecord
from benchmarks.records.request import Request
from registry import Spec
from zoo import checkpoint
from zoo.atomic import atomic_directory
from zoo.captioner import Captioner
from zoo.half import halve

CHECKPOINT, HALF = "checkpoint", "float16"  # in the environment of a record whose weights were rounded


class Packed(NamedTuple):
    """The record of a run, and that of its packed model: the captions and scores of the rounded weights."""

    run: RunRecord
    model: RunRecord


def pack(
    run: Path, out: Path, dataset: Spec, context: Context, *, license_name: str | None = None, about: str = ""
) -> Packed:
    """Write the model of `run` into the new folder `out`, whole or not at all; the folder's name is the model's.

    It is loaded from there as anybody will load it, and captions and scores of the test split are made anew: they
    stand in the record and on the card. Pictures and references that are not to be passed on are in neither.

    Args:
        dataset: the run's, with where it lies.
        license_name: of the weights, for the card, as the Hub spells it.
        about: Markdown for the card: credits, the data's licence, what the model is not good for.

    Raises:
        ValueError: `out` is no name or is taken, there is no finished run in `run`, a weight is beyond float16, or
            `dataset` is not the run's.
    """
    if not out.name.isidentifier():
        raise ValueError(f"a model cannot be called {out.name!r}: letters, digits and underscores")
    record = RunRecord.load(run)
    if not record.done:
        raise ValueError(f"run {record.id} failed, so there is no model to pack")
    with atomic_directory(out) as folder:
        halve(run, folder)
        captioner = checkpoint.load(folder, device=context.device, source=str(run))
        (folder / REQUEST).write_text(json.dumps(record.request, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        packed = _scored_again(record, captioner, dataset, context, folder)
        packed.save(folder)
        card = model_card(packed, {}, place=out.name, license_name=license_name, about=about)
        (folder / "README.md").write_text(card, encoding="utf-8")
    return Packed(record, packed)


def _scored_again(record: RunRecord, captioner: Captioner, dataset: Spec, context: Context, folder: Path) -> RunRecord:
    request = Request.of(record.request)
    data = context.dataset(dataset)
    if data.fingerprint != request.fingerprint:
        raise ValueError(
            f"{dataset} has the fingerprint {data.fingerprint}, the run's data had {request.fingerprint}: "
            "images or captions differ"
        )
    named = f"{request.backbone} {request.sources.get('backbone', '')}"
    images = context.features.store(data, captioner.backbone, named=named, hflip=request.training.hflip)
    scorer = context.scorer(dataset, tuple(map(Spec.parse, request.metrics)))
    fields, _ = evaluate(captioner, data, images, scorer, request.decoding, folder, Clock())
    environment = {**record.environment, CHECKPOINT: HALF}
    return replace(record, **fields, files=hashes(folder), environment=environment)
