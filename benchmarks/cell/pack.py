"""A run's model as a pretrained one: in half precision, scored again as it will be loaded, with its card and record."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cell.context import Context
from benchmarks.cell.evaluate import Clock, evaluate, hashes
from benchmarks.cell.prepare import backbone_name
from benchmarks.data.tested import Tested
from benchmarks.leaderboard.card.markdown import CARD, model_card
from benchmarks.plan.cell import Cell
from benchmarks.records.model_files import refuse_changed_files
from benchmarks.records.packed import ABOUT, SCORED, WEIGHTS_DTYPE, is_packed
from benchmarks.records.record import REQUEST, RunRecord
from benchmarks.runtime.environment import environment
from zoo import checkpoint
from zoo.atomic import atomic_directory
from zoo.captioner import Captioner
from zoo.precision import to_float16


class Packed(NamedTuple):
    """The record of a run, and that of its packed model: the captions and scores of the rounded weights."""

    run: RunRecord
    model: RunRecord


def pack(
    run: Path, out: Path, cell: Cell, context: Context, *, license_name: str | None = None, about: str = ""
) -> Packed:
    """Write the model of `run` into the new folder `out`, whole or not at all; the folder's name is the model's.

    It is loaded from there as anybody will load it, and captions and scores of the test split are made anew: they
    stand in the record and on the card. Pictures and references that are not to be passed on are in neither.

    Args:
        cell: what the record of `run` asks for, as `benchmarks.verification.reproduce.plan_of` finds it here.
        license_name: of the weights, for the card, as the Hub spells it.
        about: Markdown for the card: credits, the data's licence, what the model is not good for.

    Raises:
        ValueError: `out` is no name or is taken, there is no finished run in `run`, its files are not those of its
            record, it is packed already, it is not that of `cell`, or a weight is beyond float16.
    """
    if not out.name.isidentifier():
        raise ValueError(f"a model cannot be called {out.name!r}: letters, digits and underscores")
    record = RunRecord.load(run)
    if is_packed(record.environment):
        raise ValueError(f"{str(run)!r} is a packed model: pack the run that it was made of, {record.id}")
    if record.id != cell.id:
        raise ValueError(f"{str(run)!r} is run {record.id}, and run {cell.id} was to be packed")
    refuse_changed_files(run, record, record.files)
    with atomic_directory(out) as folder:
        to_float16(run, folder)
        captioner = checkpoint.load(folder, device=context.device, source=str(run))
        (folder / REQUEST).write_text(json.dumps(record.request, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if about.strip():
            (folder / ABOUT).write_text(about.strip() + "\n", encoding="utf-8")
        packed = _rescore(record, captioner, cell, context, folder)
        packed.save(folder)
        card = model_card(packed, {}, place=out.name, license_name=license_name, about=about, packed=True)
        (folder / CARD).write_text(card, encoding="utf-8")
    return Packed(record, packed)


def _rescore(record: RunRecord, captioner: Captioner, cell: Cell, context: Context, folder: Path) -> RunRecord:
    data = Tested(context.dataset(cell.located_dataset))
    images = context.features.store(data, captioner.backbone, named=backbone_name(cell), hflip=False)
    scorer = context.scorer(cell.located_dataset, cell.metrics)
    fields, _ = evaluate(captioner, data, (images,), scorer, cell.decoding, folder, Clock())
    here: dict[str, object] = environment(java=context.java)
    if images.runtime:
        here["encoder"] = images.runtime
    noted = {**record.environment, WEIGHTS_DTYPE: "float16", **_scored(record.environment, here)}
    return replace(record, **fields, files=hashes(folder), environment=noted)


def _scored(trained: Mapping[str, Any], here: Mapping[str, object]) -> dict[str, Any]:
    """What of the machine and the software is not what the run was trained with; empty where all of it is."""
    differ = {key: value for key, value in here.items() if trained.get(key) != value}
    return {SCORED: differ} if differ else {}
