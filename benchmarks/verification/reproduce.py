"""The cell of a record, from its request alone; refused where it cannot be the same again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.config import Experiment, Matrix
from benchmarks.data import DATASETS
from benchmarks.executors.jobs import load
from benchmarks.plan.cell import Cell
from benchmarks.plan.compatibility import feature_shape, incompatibility, refuse_training
from benchmarks.plan.kinds import KINDS
from benchmarks.plan.matrix import Plan, plan
from benchmarks.records.record import PARTS, RunRecord
from benchmarks.records.request import PROTOCOL, Request, identity
from benchmarks.training.teacher_option import teacher_option, with_teacher
from benchmarks.verification.other_runs import refuse_different, refuse_different_starts, refuse_missing
from registry import Spec
from zoo.registries import without_paths


def plan_of(
    record: RunRecord,
    *,
    dataset: str | None = None,
    weights: str | None = None,
    start_from: str = "",
    teacher: str = "",
) -> Plan:
    """The plan of the cell that `record` asks for, here; its id is the record's. Of an ensemble it is the last cell.

    `dataset`, `weights`, `start_from` and `teacher` say where the data set, the backbone's file of weights and
    the runs that it started from and learned from lie, which no record tells.

    Raises:
        ValueError: it would be another run, or none; the message says what differs.
    """
    request = _request(record)
    spec = _located(request.dataset, dataset)
    parts = {kind: Spec.parse(getattr(request, kind)) for kind in PARTS}
    metrics = tuple(map(Spec.parse, request.metrics))
    _refuse_unregistered(record, {"dataset": spec, **parts, "objective": request.training.objective}, metrics)
    parts["backbone"] = _weighted(parts["backbone"], weights)
    option = teacher_option(request.training.objective)
    teacher_run = str(request.training.objective.options[option]) if option else ""
    refuse_missing(record, teacher_run, start_from=start_from, teacher=teacher)
    seeds = tuple(sorted(map(int, request.ensemble))) or (request.seed,)
    experiment = Experiment(
        start_from=start_from,
        dataset=spec,
        ensemble=bool(request.ensemble),
        matrix=Matrix((parts["backbone"],), (parts["attention"],), (parts["decoder"],), seeds),
        name=record.experiment,
        metrics=metrics,
        training=with_teacher(request.training, option, teacher) if option else request.training,
        decoding=request.decoding,
    )
    planned = _plan(experiment, record.request, located=dataset is not None)
    *_, cell = planned.cells
    _refuse_others(record, teacher_run, cell)
    refuse_training(cell.backbone, cell.training)
    if why := incompatibility(feature_shape(cell.backbone), cell.attention, cell.decoder):
        raise ValueError(f"{cell} cannot be built here: {why}")
    return planned


def planned(record: RunRecord, places: Mapping[str, Any], plugins: Sequence[str]) -> Iterator[Plan]:
    """`plan_of`, as a job for another process, which loads the plug-ins."""
    provided = {file: load([file]) for file in plugins}
    yield replace(plan_of(record, **places), plugins=provided)


def _request(record: RunRecord) -> Request:
    """Its request, where this version can run it and the id is that of it."""
    if not record.done:
        raise ValueError(f"the run of record {record.id!r} failed ({record.error!r}): there is nothing to compare with")
    if (protocol := record.request.get("protocol")) != PROTOCOL:
        raise ValueError(
            f"record {record.id!r} is of protocol {protocol!r} and this is protocol {PROTOCOL}: "
            "the same request would give another number; take the version of caption-zoo that made it"
        )
    try:
        request = Request.of(record.request)
    except ValueError as error:
        raise ValueError(f"cannot read the request of record {record.id!r}: {error}") from None
    digest = identity(record.request)
    if digest != record.id:
        raise ValueError(f"record {record.id!r} was edited: its request has the id {digest}")
    return request


def _located(recorded: str, option: str | None) -> Spec:
    """The record's data set with the options of --dataset on top; whether these only say where, is checked later."""
    spec, location = Spec.parse(recorded), Spec.parse(option or recorded)
    if (location.name, location.variant) != (spec.name, spec.variant):
        raise ValueError(f"--dataset {option} is not the record's data set, {recorded}")
    return Spec(spec.name, spec.variant, {**spec.options, **location.options})


def _weighted(backbone: Spec, file: str | None) -> Spec:
    """The backbone with its file of weights, from where it lies here."""
    if without_paths(backbone) != backbone:
        raise ValueError(f"the record's backbone {backbone} names a folder, which no record does")
    if file is None:
        return backbone
    placed = Spec(backbone.name, backbone.variant, {**backbone.options, "weights": file})
    if without_paths(placed) != backbone:
        raise ValueError(f"--weights {file} is not the file of the record, whose backbone is {backbone}")
    return placed


def _refuse_unregistered(record: RunRecord, parts: Mapping[str, Spec], metrics: tuple[Spec, ...]) -> None:
    """Name the origin of what nobody registered here."""
    used = [(kind, KINDS[kind], spec.name) for kind, spec in parts.items()]
    used += [(f"metric {metric.name}", KINDS["metric"], metric.name) for metric in metrics]
    for label, registry, name in used:
        origin = record.origins.get(label, "a plug-in" if label in record.request["sources"] else "caption-zoo")
        if name not in registry and origin != "caption-zoo":
            raise ValueError(
                f"{registry.kind} {name!r} came from {origin}, which is not here: "
                "give its file with --plugin, or install it"
            )


def _plan(experiment: Experiment, recorded: Mapping[str, Any], *, located: bool) -> Plan:
    try:
        return plan(experiment, recorded)
    except ValueError as error:
        if located or not getattr(DATASETS[experiment.dataset.name], "location", ()):
            raise
        raise ValueError(f"{error} (a record does not say where its data set lies: --dataset does)") from None


def _refuse_others(record: RunRecord, teacher_run: str, cell: Cell) -> None:
    """Raise where `cell` asks for something else than the record did."""
    recorded, here = record.request, cell.request
    for label in sorted(recorded["sources"].keys() | here["sources"].keys()):
        old, new = recorded["sources"].get(label), here["sources"].get(label)
        if old != new:
            origin = record.origins.get(label.split()[0], "a plug-in")
            remedy = "give its file with --plugin, or install it" if new is None else "take the file of the record"
            raise ValueError(f"{label} of {origin}: the record's has the hash {old}, here it is {new}: {remedy}")
    if here["dataset"] != recorded["dataset"]:
        raise ValueError(
            f"--dataset makes it {here['dataset']}, and the record's is {recorded['dataset']}: "
            "say no more than where it lies"
        )
    if here["fingerprint"] != recorded["fingerprint"]:
        raise ValueError(
            f"{cell.located_dataset} has the fingerprint {here['fingerprint']}, the record's data had "
            f"{recorded['fingerprint']}: images or captions differ"
        )
    refuse_different(record, teacher_run, cell)
    recorded, here = _flat(recorded), _flat(here)
    if other := [key for key in sorted(recorded.keys() | here.keys()) if recorded.get(key) != here.get(key)]:
        if other == ["ensemble"]:
            refuse_different_starts(record, cell)
        raise ValueError(
            f"{other[0]} would be {here.get(other[0])!r}, and the record has {recorded.get(other[0])!r}: "
            "take the version that made it"
        )
    assert cell.id == record.id


def _flat(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with each setting under a name of its own, such as training.epochs."""
    settings = {
        f"{group}.{name}": value for group in ("training", "decoding") for name, value in request[group].items()
    }
    return {key: value for key, value in request.items() if key not in ("training", "decoding")} | settings
