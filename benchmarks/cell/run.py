"""One cell, from its request to its record."""

import json
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.cell.checkpoints import cell_checkpoints
from benchmarks.cell.context import Context
from benchmarks.cell.evaluate import Clock, evaluate, hashes
from benchmarks.cell.fields import circumstances, data_fields
from benchmarks.cell.model import TrainedModel, load_ensemble, train_model
from benchmarks.cell.observer import CellObserver
from benchmarks.cell.prepare import backbone_name
from benchmarks.cell.samples import write_gallery
from benchmarks.cell.workdir import (
    failed,
    keep_output,
    now,
    publish,
    remove_checkpoints,
    request_fields,
    working_folder,
)
from benchmarks.features.runtime import runtime_of
from benchmarks.plan.cell import Cell
from benchmarks.records.outcome import outcome_of
from benchmarks.records.record import REQUEST, RunRecord
from benchmarks.runtime.environment import environment
from benchmarks.runtime.storage import StorageError, storage_fault
from benchmarks.throughput.measure import Measurement, measure


def run_cell(cell: Cell, out: Path, context: Context) -> RunRecord:
    """Run `cell`, whose lease the caller holds, and publish its folder as ``out/<id>``, whole or not at all.

    Whatever is raised on the way becomes a record that says so; an earlier failure of the
    same cell is replaced, an earlier success never.

    Raises:
        StorageError: the disk is full, or cannot be written to, which is no fault of the cell's.
    """
    with working_folder(cell, out) as folder, cell_checkpoints(cell, out) as checkpoints:
        try:
            (folder / REQUEST).write_text(json.dumps(cell.request, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            with CellObserver(cell, out, context.loggers) as observer:
                kind = load_ensemble if cell.members else train_model
                make = partial(kind, cell, context, out=out, folder=folder, checkpoints=checkpoints, observer=observer)
                record = _run(cell, folder, context, make, observer)
            record.save(folder)  # a part may have given what no record can hold
        except Exception as error:
            if fault := storage_fault(error, out, context.cache):
                raise StorageError(fault) from error
            (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            record = failed(cell, f"{type(error).__name__}: {error}", outcome_of(error), java=context.java)
            record.save(folder)
        if context.output is not None:
            keep_output(context.output, folder)
        record = publish(record, folder, out)
        if record.done:
            remove_checkpoints(cell, out)
        return record


def _run(
    cell: Cell, folder: Path, context: Context, make: Callable[[], TrainedModel], observer: CellObserver
) -> RunRecord:
    dataset, clock = context.dataset(cell.located_dataset), Clock()
    if dataset.fingerprint != cell.fingerprint:
        raise ValueError(f"{cell.dataset} has changed since the run was planned: run the same command again")
    scorer = context.scorer(cell.located_dataset, cell.metrics)
    trained = make()
    model, stores, result = trained.model, trained.stores, trained.result
    evaluated, gallery = evaluate(model, dataset, stores, scorer, cell.decoding, folder, clock)
    observer.on_scores(evaluated["scores"])
    write_gallery(gallery, folder)
    with clock.measure("measure"):
        measured, timed = _measured(cell, trained, folder, context)
    return RunRecord(
        **request_fields(cell),
        status="done",
        weights=trained.weights,
        data=data_fields(dataset, stores[0], model.vocabulary),
        **evaluated,
        **measured._asdict(),
        params=sum(tensor.numel() for tensor in model.parameters()),
        trained=sum(tensor.numel() for tensor in model.parameters() if tensor.requires_grad),
        seconds={"encode": trained.encode_seconds, "train": result.seconds, **clock.seconds},
        curve=result.curve,
        best_epoch=result.best_epoch,
        reward=result.reward,
        files=hashes(folder),
        environment=environment(java=context.java) | circumstances(trained, timed, context.resources),
        finished=now(),
    )


def _measured(cell: Cell, trained: TrainedModel, folder: Path, context: Context) -> tuple[Measurement, str]:
    """What the throughput suite says of the model, and what ran its backbone there."""
    named, pairs = backbone_name(cell), list(zip(trained.stores, trained.model.backbones, strict=True))
    encoders = tuple(context.features.encoder(store, backbone, named=named) for store, backbone in pairs)
    shared = len(encoders) == 1 and not trained.model.backbones[0].trainable
    frozen, timings = named if shared else None, context.encoder_timings
    measured = measure(folder, trained.model, encoders, training=cell.training, frozen=frozen, encoder_timings=timings)
    return measured, runtime_of(encoders[0])
