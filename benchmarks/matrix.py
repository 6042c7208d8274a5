"""A matrix of cells: planned and checked before the first second of compute, run, and gone on with."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.config import Cell, Experiment
from benchmarks.data import DATASETS
from benchmarks.executors.local import Local
from benchmarks.metrics import METRICS
from benchmarks.publish import failed, finished, new_partial, publish, sweep
from benchmarks.record import RunRecord
from benchmarks.run import load_dataset
from benchmarks.score import Scorer
from registry import Spec
from zoo.backbones.weights import digest
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS
from zoo.types import Features
from zoo.vocabulary import SPECIAL

_KINDS: dict[str, Any] = {"backbone": BACKBONES, "attention": ATTENTIONS, "decoder": DECODERS}


def plan(experiment: Experiment) -> list[Cell]:
    """Every cell of `experiment`, in the order in which they run.

    Raises:
        ValueError: an unknown name, variant, option or value, or a data set that cannot be
            read; the message says which.
    """
    Scorer({}, experiment.metrics)
    for kind, registry in _KINDS.items():
        for spec in getattr(experiment.matrix, kind):
            registry.check(spec)
    dataset = load_dataset(experiment.dataset)
    where = dataset.location
    named = Spec(
        experiment.dataset.name,
        experiment.dataset.variant,
        {key: value for key, value in experiment.dataset.options.items() if key not in where},
    )
    return [
        Cell(
            experiment=experiment.name,
            dataset=experiment.dataset,
            named=named,
            fingerprint=dataset.fingerprint,
            split=dataset.split,
            synthetic=dataset.synthetic,
            backbone=backbone,
            attention=attention,
            decoder=decoder,
            seed=seed,
            metrics=experiment.metrics,
            training=experiment.training,
            decoding=experiment.decoding,
            **_provenance(experiment, {"backbone": backbone, "attention": attention, "decoder": decoder}),
        )
        for backbone, attention, decoder, seed in experiment.matrix
    ]


def misfit(cell: Cell) -> str | None:
    """Why the parts of `cell` cannot be put together, or None where they can.

    They are: a decoder for one word remembers features as the backbone would give them.
    A backbone that runs on the meta device costs no memory, the decoder a moment.
    """
    return _misfit(cell.backbone, cell.attention, cell.decoder)


@lru_cache
def _misfit(backbone: Spec, attention: Spec, decoder: Spec) -> str | None:
    try:
        features = _features(backbone)
        built = DECODERS.build(decoder, len(SPECIAL) + 1, features.tokens.shape[-1], attention).eval()
        with torch.inference_mode():
            built.begin(features)
    except Exception as error:  # whatever a component raises is the answer
        return " ".join(str(error).split()) or type(error).__name__
    return None


@lru_cache
def _features(backbone: Spec) -> Features:
    """Features of noise, of the width and on the grid that the backbone gives to one image."""
    try:
        with torch.device("meta"):
            shape = _see_nothing(backbone)
    except (NotImplementedError, RuntimeError):  # some look at values, of which there are none
        shape = _see_nothing(backbone)
    return Features(torch.randn(shape.tokens.shape), shape.grid)


@torch.no_grad()
def _see_nothing(backbone: Spec) -> Features:
    built = BACKBONES.build(backbone).eval()
    features: Features = built(torch.zeros(1, 3, *built.preparation.size))
    return features


@dataclass(frozen=True)
class Finished:
    """A cell and what came of it, now or in an earlier run."""

    cell: Cell
    record: RunRecord
    earlier: bool


def run(cells: Sequence[Cell], out: Path, executor: Local) -> Iterator[Finished]:
    """Run by `executor` what is not finished in `out` yet, one cell after another, and yield every cell's record.

    Failed cells are tried again. A cell that raises, or that takes its whole process down,
    is recorded as failed and the next one goes on.
    """
    sweep(out)
    earlier = {cell.id: finished(out / cell.id) for cell in cells}
    for cell in cells:
        if record := earlier[cell.id]:
            yield Finished(cell, record, earlier=True)
    waiting = [cell for cell in cells if not earlier[cell.id]]
    for cell, found in executor.each(waiting):
        if isinstance(found, str):
            found = publish(failed(cell, found), new_partial(cell, out), out)
        yield Finished(cell, found, earlier=False)


def _provenance(experiment: Experiment, parts: dict[str, Spec]) -> dict[str, dict[str, str]]:
    """Where each part comes from, and the hash of the file of everything that is not ours."""
    inside = {kind: list(_inside(kind, spec)) for kind, spec in parts.items()}
    used = [item for items in inside.values() for item in items]
    used += [("dataset", DATASETS, experiment.dataset.name)]
    used += [(f"metric {metric.name}", METRICS, metric.name) for metric in experiment.metrics]
    sources = {}
    for label, registry, name in used:
        file = inspect.getsourcefile(registry[name]) if registry.origin(name) != "caption-zoo" else None
        if file:
            sources[label] = digest(file)
    if file := parts["backbone"].options.get("weights"):
        sources["backbone weights"] = digest(file)
    origins = {
        kind: ", ".join(dict.fromkeys(registry.origin(name) for _, registry, name in items))
        for kind, items in inside.items()
    }
    return {"origins": origins, "sources": sources}


def _inside(kind: str, spec: Spec) -> Iterator[tuple[str, Any, str]]:
    """A label, the registry and the name, of `spec` and of every attention that its options name."""
    yield kind, _KINDS[kind], spec.name
    for value in spec.options.values():
        try:
            inner = Spec.parse(value)
        except ValueError:
            continue
        if inner.name in ATTENTIONS:
            yield from ((f"{kind} {label}", *rest) for label, *rest in _inside("attention", inner))
