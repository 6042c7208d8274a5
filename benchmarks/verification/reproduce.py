"""The cell of a record, from its request alone; refused where it cannot be the same again."""

from collections.abc import Mapping
from typing import Any, TypeVar

from benchmarks.config import Decoding, Experiment, Matrix, Training
from benchmarks.data import DATASETS
from benchmarks.plan.cell import PROTOCOL, Cell, identity
from benchmarks.plan.compatibility import Compatibility
from benchmarks.plan.kinds import KINDS
from benchmarks.plan.matrix import Plan, plan
from benchmarks.records.record import PARTS, RunRecord
from registry import Spec
from zoo.registries import without_paths
from zoo.settings import omittable

T = TypeVar("T", Training, Decoding)

_KINDS: dict[str, tuple[type, ...]] = dict.fromkeys(("fingerprint", "dataset", *PARTS), (str,)) | {
    "protocol": (int,),
    "seed": (int,),
    "metrics": (list,),
    **dict.fromkeys(("training", "decoding", "sources"), (dict,)),
}
_MAPPINGS = ("origins", "environment", "scores", "diagnostics", "throughput", "per_image", "captions")


def plan_of(record: RunRecord, *, dataset: str | None = None, weights: str | None = None) -> Plan:
    """The plan of the one cell that `record` asks for, here; its id is the record's.

    `dataset` and `weights` say where the data set and the backbone's file of weights lie,
    which no record tells.

    Raises:
        ValueError: it would be another run, or none; the message says what differs.
    """
    request = _request(record)
    spec = _placed(request["dataset"], dataset)
    parts = {kind: Spec.parse(request[kind]) for kind in PARTS}
    metrics = tuple(map(Spec.parse, request["metrics"]))
    _refuse_strangers(record, {"dataset": spec, **parts}, metrics)
    parts["backbone"] = _weighted(parts["backbone"], weights)
    experiment = Experiment(
        dataset=spec,
        matrix=Matrix((parts["backbone"],), (parts["attention"],), (parts["decoder"],), (request["seed"],)),
        name=str(record.experiment),
        metrics=metrics,
        training=_settings("training", request["training"], Training()),
        decoding=_settings("decoding", request["decoding"], Decoding()),
    )
    planned = _plan(experiment, told=dataset is not None)
    (cell,) = planned.cells
    _refuse_others(record, cell)
    if why := Compatibility().problem(cell):
        raise ValueError(f"{cell} cannot be built here: {why}")
    return planned


def _request(record: RunRecord) -> Mapping[str, Any]:
    """What was asked, with every key of its kind, and no other than the id says."""
    if not record.done:
        raise ValueError(f"the run of record {record.id!r} failed ({record.error!r}): there is nothing to compare with")
    request = record.request
    if not isinstance(request, dict) or not all(isinstance(getattr(record, name), dict) for name in _MAPPINGS):
        raise ValueError(f"record {record.id!r} is no run record: its fields are of other kinds")
    if request.get("protocol") != PROTOCOL:
        raise ValueError(
            f"record {record.id!r} is of protocol {request.get('protocol')!r} and this is protocol {PROTOCOL}: "
            "the same request would give another number; take the version of caption-zoo that made it"
        )
    if wrong := [key for key, kinds in _KINDS.items() if type(request.get(key)) not in kinds]:
        raise ValueError(f"record {record.id!r} asks for {wrong[0]} {request.get(wrong[0])!r}, which is no {wrong[0]}")
    digest = identity(request)
    if digest != record.id:
        raise ValueError(f"record {record.id!r} was edited: its request has the id {digest}")
    return request


def _placed(recorded: str, given: str | None) -> Spec:
    """The record's data set, with the options of `given` on top; whether those only say where, is seen later."""
    asked, place = Spec.parse(recorded), Spec.parse(given or recorded)
    if (place.name, place.variant) != (asked.name, asked.variant):
        raise ValueError(f"--dataset {given} is not the record's data set, {recorded}")
    return Spec(asked.name, asked.variant, {**asked.options, **place.options})


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


def _refuse_strangers(record: RunRecord, parts: Mapping[str, Spec], metrics: tuple[Spec, ...]) -> None:
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


def _settings(kind: str, found: Mapping[str, Any], default: T) -> T:
    """Every setting, each of its kind; a float may be written as a whole number."""
    known = vars(default)
    if strange := sorted((found.keys() ^ known.keys()) - (omittable(default) - found.keys())):
        raise ValueError(
            f"the record and this version do not both know {kind}.{strange[0]}: take the version that made it"
        )
    for key in found:
        value = known[key]
        kinds = (int, float) if type(value) is float else (type(value),)
        if type(found[key]) not in kinds:
            raise ValueError(f"the record asks for {kind}.{key}={found[key]!r}, which should be like {value!r}")
    return type(default)(**found)


def _plan(experiment: Experiment, *, told: bool) -> Plan:
    try:
        return plan(experiment)
    except ValueError as error:
        if told or not getattr(DATASETS[experiment.dataset.name], "location", ()):
            raise
        raise ValueError(f"{error} (a record does not say where its data set lies: --dataset does)") from None


def _refuse_others(record: RunRecord, cell: Cell) -> None:
    """Raise where `cell` asks for something else than the record did."""
    asked, here = record.request, cell.request
    for label in sorted(asked["sources"].keys() | here["sources"].keys()):
        old, new = asked["sources"].get(label), here["sources"].get(label)
        if old != new:
            origin = record.origins.get(label.split()[0], "a plug-in")
            remedy = "give its file with --plugin, or install it" if new is None else "take the file of the record"
            raise ValueError(f"{label} of {origin}: the record's has the hash {old}, here it is {new}: {remedy}")
    if here["dataset"] != asked["dataset"]:
        raise ValueError(
            f"--dataset makes it {here['dataset']}, and the record's is {asked['dataset']}: "
            "say no more than where it lies"
        )
    if here["fingerprint"] != asked["fingerprint"]:
        raise ValueError(
            f"{cell.dataset} has the fingerprint {here['fingerprint']}, the record's data had {asked['fingerprint']}: "
            "images or captions differ"
        )
    if other := [key for key in sorted(asked.keys() | here.keys()) if asked.get(key) != here.get(key)]:
        raise ValueError(f"{other[0]} would be {here.get(other[0])!r}, and the record has {asked.get(other[0])!r}")
    assert cell.id == record.id
