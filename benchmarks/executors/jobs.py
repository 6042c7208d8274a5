"""What a run calls in other processes: whatever runs a plug-in's code, from its import on.

Each loads the plug-in files that it is given, which are those that it needs.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from benchmarks.config import Experiment, Training
from benchmarks.plan.kinds import KINDS
from benchmarks.runtime.resources import Resources
from registry import Spec, load_plugin

if TYPE_CHECKING:  # who asks for a job needs nothing of what the job needs
    from benchmarks.cell.cost import Cost
    from benchmarks.plan.cell import Cell
    from benchmarks.plan.compatibility import FeatureShape
    from benchmarks.plan.matrix import Plan
    from benchmarks.records.record import RunRecord
    from benchmarks.throughput.measure import Measurement


class Watch(NamedTuple):
    """Where a cell's progress goes: to loggers, and into a file for its lines, where the command is elsewhere."""

    loggers: tuple[Spec, ...] = ()
    lines: Path | None = None


SHARED = ("backbone", "dataset", "metric")  # what features and tokens are made with
Timings: TypeAlias = "dict[str, Measurement]"  # of encoders, by the backbone's name


def planned(experiment: Experiment, plugins: Sequence[str]) -> "Iterator[Plan]":
    """The plan, with what each plug-in registers."""
    from benchmarks.plan.matrix import plan

    provided = {file: load([file]) for file in plugins}
    yield replace(plan(experiment), plugins=provided)


def feature_shape(backbone: Spec, training: Training, plugins: Sequence[str]) -> "Iterator[FeatureShape]":
    """What the backbone gives, where it can be trained so."""
    from benchmarks.plan.compatibility import feature_shape, refuse_training

    load(plugins)
    refuse_training(backbone, training)
    yield feature_shape(backbone)


def incompatibilities(
    shape: "FeatureShape", pairs: Sequence[tuple[Spec, Spec]], plugins: Sequence[str]
) -> Iterator[str | None]:
    """Of each pair of attention and decoder why it cannot be built on such features, or None."""
    from benchmarks.plan.compatibility import incompatibility

    load(plugins)
    for attention, decoder in pairs:
        yield incompatibility(shape, attention, decoder)


def loggers(specs: Sequence[Spec], plugins: Sequence[str]) -> Iterator[str]:
    """An empty reason once all are made, which imports what they need; raises where one cannot be."""
    from benchmarks.loggers import LOGGERS

    load(plugins)
    for spec in specs:
        LOGGERS.build(spec)
    yield ""


def gpus() -> Iterator[int]:
    """How many there are."""
    import torch

    yield torch.cuda.device_count()


def prepared(cell: "Cell", cache: Path, plugins: Sequence[str], resources: Resources) -> Iterator[bool]:
    """Have in the cache what the cell shares with others, before its attention and its decoder exist.

    Yields whether the features depend on the seed.
    """
    from benchmarks.cell.context import Context
    from benchmarks.cell.prepare import prepare
    from benchmarks.runtime.device import restrict_to

    restrict_to(resources.cores)
    _load_planned(plugins, cell, SHARED)
    with Context(cache) as context:
        yield prepare(cell, context)


def ran(
    cell: "Cell",
    out: Path,
    cache: Path,
    plugins: Sequence[str],
    resources: Resources,
    timings: Timings,
    watch: Watch,
) -> "Iterator[tuple[RunRecord, Timings]]":
    """The record of a cell, and the timings with those of its encoder."""
    from benchmarks.cell.checkpoints import dying_of_its_signal
    from benchmarks.cell.context import Context
    from benchmarks.cell.run import run_cell
    from benchmarks.runtime.device import restrict_to
    from benchmarks.runtime.progress import lines_to

    lines_to(watch.lines)
    restrict_to(resources.cores)
    _load_planned(plugins, cell, KINDS)
    made = Context(cache, timings, output=1, resources=resources, loggers=watch.loggers)
    with made as context, dying_of_its_signal():
        yield run_cell(cell, out, context), context.encoder_timings


def assisted(
    cell: "Cell", out: Path, cache: Path, plugins: Sequence[str], resources: Resources
) -> "Iterator[tuple[None, Timings]]":
    """Nothing: a cell's training, where another process has its record."""
    from benchmarks.cell.context import Context
    from benchmarks.cell.train import assist
    from benchmarks.runtime.device import restrict_to

    restrict_to(resources.cores)
    _load_planned(plugins, cell, KINDS)
    with Context(cache, resources=resources) as context:
        assist(cell, context)
    yield None, {}


def estimated(
    cells: "Sequence[Cell]", plugins: Sequence[str], resources: Resources, steps: int, devices: int
) -> "Iterator[Cost | str]":
    """What each cell costs here, by `steps` steps of each stage; or why that cannot be measured."""
    from benchmarks.cell.context import Context
    from benchmarks.cell.estimate import Estimator
    from benchmarks.runtime.device import restrict_to

    restrict_to(resources.cores)
    load(plugins)
    with TemporaryDirectory() as cache, Context(Path(cache), resources=resources) as context:
        estimator = Estimator(context, steps=steps, devices=devices)
        for cell in cells:
            try:
                yield estimator.cost(cell)
            except Exception as error:  # whatever a part raises
                yield " ".join(str(error).split()) or type(error).__name__


def load(plugins: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Run plug-in files; kind and name of what they register."""
    before = _registered()
    for plugin in plugins:
        load_plugin(plugin)
    return frozenset(_registered() - before)


def _load_planned(plugins: Sequence[str], cell: "Cell", kinds: Collection[str]) -> None:
    """Run plug-in files that have parts of these kinds, unless one is not that of the cell's plan any more."""
    from benchmarks.plan.matrix import refuse_changed

    load(plugins)
    refuse_changed(cell, kinds)


def _registered() -> set[tuple[str, str]]:
    return {(kind, name) for kind, registry in KINDS.items() for name in registry}
