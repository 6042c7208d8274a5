"""A matrix of cells, planned before the first second of compute."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.config import Experiment
from benchmarks.data import DATASETS, Dataset
from benchmarks.metrics import build_metrics
from benchmarks.plan.cell import Cell
from benchmarks.plan.components import components_of, hashes_of
from benchmarks.plan.start_runs import with_start_runs
from benchmarks.plan.teacher_runs import with_teacher_run
from benchmarks.training import OBJECTIVES
from benchmarks.training.teacher_option import teacher_option
from registry import Spec
from zoo.backbones.weights import digest
from zoo.registries import PARTS
from zoo.vocabulary import Vocabulary


@dataclass(frozen=True)
class Plan:
    """The cells of an experiment, in the order in which they run, and what there is to know of its data set.

    `plugins` has for each plug-in file the kind and name of what it registers.
    """

    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    plugins: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


def plan(experiment: Experiment, recorded: Mapping[str, Any] | None = None) -> Plan:
    """The cells of `experiment`; where they are to be those of the request `recorded`, they start from its runs.

    Raises:
        ValueError: an unknown name, variant, option or value, or a data set that cannot be
            read; the message says which.
    """
    build_metrics(experiment.metrics)
    for kind, registry in PARTS.items():
        for spec in getattr(experiment.matrix, kind):
            registry.check(spec)
    OBJECTIVES.check(experiment.training.objective)
    dataset = DATASETS.build(experiment.dataset)
    _refuse_repeated(dataset)
    captions = (caption for example in dataset.train for caption in example.captions)
    vocabulary = Vocabulary.of(captions, min_count=experiment.training.min_count)  # refused now, not by each cell
    hash_of = cache(digest)  # each file once, however many cells it is in
    cells = [_cell(experiment, dataset, hash_of, *parts) for parts in experiment.matrix]
    notes = list(dataset.notes)
    if experiment.start_from:
        cells, more = with_start_runs(cells, Path(experiment.start_from), vocabulary, recorded)
        notes += more
    if option := teacher_option(experiment.training.objective):
        cells = with_teacher_run(cells, option, vocabulary)
    if experiment.ensemble:
        cells += ensembles(cells)
    return Plan(tuple(cells), tuple(notes))


def _refuse_repeated(dataset: Dataset) -> None:
    """Raise where an id stands for two images, whose features would be taken for each other's."""
    splits = (dataset.train, dataset.validation, dataset.test)
    counts = Counter(example.image_id for split in splits for example in split)
    if repeated := [image for image, count in counts.items() if count > 1]:
        raise ValueError(f"{dataset.name} has the image id {repeated[0]} more than once: each image has one of its own")


def ensembles(cells: Sequence[Cell]) -> list[Cell]:
    """One more cell for each combination of parts, whose members are those of all seeds, by seed.

    Raises:
        ValueError: there is one seed.
    """
    combinations: dict[tuple[Spec, ...], list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=lambda cell: cell.seed):
        combinations[cell.backbone, cell.attention, cell.decoder].append(cell)
    if alone := [cell for cell, *others in combinations.values() if not others]:
        raise ValueError(
            "ensemble: true has the models of several seeds decode together, and there is one, "
            f"{alone[0].seed}: give more seeds, or --ensemble false"
        )
    return [replace(members[0], members=tuple(members)) for members in combinations.values()]


def _cell(
    experiment: Experiment,
    dataset: Dataset,
    hash_of: Callable[[str], str],
    backbone: Spec,
    attention: Spec,
    decoder: Spec,
    seed: int,
) -> Cell:
    return Cell(
        experiment=experiment.name,
        located_dataset=experiment.dataset,
        dataset=_without(experiment.dataset, dataset.location),
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
        **_provenance(experiment, {"backbone": backbone, "attention": attention, "decoder": decoder}, hash_of),
    )


def _without(spec: Spec, location: tuple[str, ...]) -> Spec:
    options = {key: value for key, value in spec.options.items() if key not in location}
    return Spec(spec.name, spec.variant, options)


def refuse_changed(cell: Cell, kinds: Collection[str]) -> None:
    """Make sure that the files of the cell's parts of these `kinds`, which are loaded, are those of its plan.

    Raises:
        ValueError: one was edited since.
    """
    parts = {kind: getattr(cell, kind) for kind in PARTS}
    used = components_of(parts, cell.located_dataset, cell.training, cell.metrics)
    used = [item for item in used if item[0].split()[0] in kinds]
    for label, found in hashes_of(used, cell.backbone, digest).items():
        if found != cell.sources.get(label):
            raise ValueError(f"{label}: its file was edited while the cell waited: run the same command again")


def _provenance(experiment: Experiment, parts: dict[str, Spec], hash_of: Callable[[str], str]) -> dict[str, Any]:
    """Where each part comes from, and the hash of the file of everything that is not ours."""
    used = components_of(parts, experiment.dataset, experiment.training, experiment.metrics)
    origins = {
        kind: ", ".join(
            dict.fromkeys(registry.origin(name) for label, registry, name in used if label.split()[0] == kind)
        )
        for kind in parts
    }
    uses = tuple(dict.fromkeys((registry.kind, name) for _, registry, name in used))
    return {"origins": origins, "sources": hashes_of(used, parts["backbone"], hash_of), "uses": uses}
