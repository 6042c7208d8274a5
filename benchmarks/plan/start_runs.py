"""The runs from whose weights cells start: whatever a cell would refuse of its run is refused before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.records.model_files import verify_run
from benchmarks.records.packed import is_packed
from benchmarks.records.record import FILE, RunRecord, record_files
from benchmarks.records.request import started_from
from registry import Spec
from zoo import checkpoint
from zoo.registries import BACKBONES
from zoo.vocabulary import Vocabulary

_SAME = ("attention", "decoder", "fingerprint", "seed")  # of a request
_OF_TRAINING = frozenset(("trainable", "drop_path"))  # options of backbones that leave their weights as they are


def with_start_runs(
    cells: Sequence[Cell], folder: Path, vocabulary: Vocabulary, recorded: Mapping[str, Any] | None = None
) -> tuple[list[Cell], list[str]]:
    """Each cell with the run that it starts from: of those below `folder`, that of the same parts, data and seed.

    A backbone that learns may have been frozen in that run, as a note says then. None counts that has itself started
    from another one, nor a packed model, whose weights are rounded; of several it is one with the backbone as it is,
    and of one that was distilled and one that was not it is the latter. Where `folder` is a run, it is that of all
    cells, whatever their seeds. `vocabulary` is that of the cells. Where they are to be those of the request
    `recorded`, and several runs fit one, it is the one that gives the recorded id.

    Raises:
        ValueError: there is none, or more than one, or it has another vocabulary, or a file of it is missing or was
            changed, or the seeds of one combination would start from a frozen backbone and from one that learned.
    """
    files = [file for file in record_files(folder) if file.name == FILE] if folder.is_dir() else []
    found = [(file.parent, RunRecord.load(file)) for file in files]
    runs = [(place, record) for place, record in found if record.done and not _is_ensemble_or_packed(record)]
    if not runs:
        raise ValueError(f"start_from: {folder} holds no finished run")
    single = (folder / FILE).is_file()
    started = [_with_start_run(cell, runs, folder, recorded, single=single) for cell in cells]
    for place in dict.fromkeys(cell.start_folder for cell, _ in started):
        _verify(Path(place), vocabulary)
    return [cell for cell, _ in started], _notes(started)


def _with_start_run(
    cell: Cell,
    runs: Sequence[tuple[Path, RunRecord]],
    folder: Path,
    recorded: Mapping[str, Any] | None,
    *,
    single: bool,
) -> tuple[Cell, str]:
    """The cell with its run, and the Spec of that run's backbone."""
    names = _SAME[:-1] if single else _SAME
    wanted, backbone = [cell.request[name] for name in names], cell.parts["backbone"]
    found = [
        (place, record)
        for place, record in runs
        if [record.request.get(name) for name in names] == wanted
        and _may_start(str(record.request["backbone"]), backbone)
        and record.request["training"].get("min_count") == cell.training.min_count
        and (single or not record.request.get("start_from"))
    ]
    remedy = "name one"
    if len(found) > 1 and recorded:
        remedy = "none of them is the one of the record"
        own = [(place, record) for place, record in found if started_from(recorded, cell.seed, record.id)]
        found = own[:1] or found  # all of these are of one request
    elif len(found) > 1:
        found = [each for each in found if each[1].request["backbone"] == backbone] or found
        found = [(place, record) for place, record in found if not record.teacher] or found
    if len(found) != 1:
        several = ", ".join(str(place) for place, _ in found[:3])
        why = f"holds {len(found)} ({several}): {remedy}" if found else "holds none, with the same data and min_count"
        raise ValueError(f"start_from: of the finished runs of {cell}, {folder} {why}")
    ((place, record),) = found
    return replace(cell, start_from=record.id, start_folder=str(place)), str(record.request["backbone"])


def _may_start(earlier: str, backbone: str) -> bool:
    """Whether `backbone` is the `earlier` one, or learns where that one was frozen, with the same weights."""
    before, after = Spec.parse(earlier), Spec.parse(backbone)
    if before == after:
        return True
    options = [{**each.options, **dict.fromkeys(_OF_TRAINING)} for each in (before, after)]
    if (before.name, before.variant) != (after.name, after.variant) or options[0] != options[1]:
        return False
    trainable = BACKBONES.options(before.name).get("trainable")
    return trainable is not None and not before.options.get("trainable", trainable.default)


def _notes(started: Sequence[tuple[Cell, str]]) -> list[str]:
    """Which backbones learn that were frozen in the runs to start from.

    Raises:
        ValueError: for one seed of a combination it was frozen, and for another one it was not.
    """
    before: dict[tuple[str, ...], tuple[str, Cell]] = {}
    for cell, backbone in started:
        other, first = before.setdefault(tuple(cell.parts.values()), (backbone, cell))
        if other != backbone:
            raise ValueError(
                f"start_from: {first} would start from a run of {other}, and seed {cell.seed} from one of {backbone}: "
                "the seeds of one combination start alike, so train the one that is missing, or name a folder of the "
                "others alone"
            )
    pairs = dict.fromkeys((backbone, cell.parts["backbone"]) for cell, backbone in started)
    return [f"{after} starts from runs of {earlier}" for earlier, after in pairs if after != earlier]


def _verify(folder: Path, vocabulary: Vocabulary) -> None:
    """Raise where the run's files are not those of its record, or it has other words."""
    try:
        verify_run(folder)
        words = checkpoint.read(folder, str(folder)).vocabulary.words
    except ValueError as error:
        raise ValueError(f"start_from: {error}") from None
    if words != vocabulary.words:
        raise ValueError(
            f"start_from: the run in {folder} has another vocabulary: train it anew on the same data, with this version"
        )


def _is_ensemble_or_packed(record: RunRecord) -> bool:
    """Whether it is of no training of its own: an ensemble's, or of weights that were rounded."""
    return bool(record.request.get("ensemble")) or is_packed(record.environment)
