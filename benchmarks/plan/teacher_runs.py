"""The runs that cells learn from: whatever a cell would refuse of its teacher is refused before anything runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.plan.cell import Cell, Teacher
from benchmarks.plan.components import parts_in
from benchmarks.records.model_files import verify_run
from benchmarks.records.record import FILE, RunRecord
from zoo import checkpoint
from zoo.backbones.build import build_backbone
from zoo.checkpoint import BACKBONE, Saved
from zoo.files import member_folders
from zoo.vocabulary import Vocabulary


def with_teacher_run(cells: Sequence[Cell], option: str, vocabulary: Vocabulary) -> list[Cell]:
    """Each cell with the run that its objective learns from, an ensemble's too, which its `option` names by a folder.

    `vocabulary` is that of the cells.

    Raises:
        ValueError: there is none that is finished, or not all of it, or it is of other data, another vocabulary or
            another backbone, or of one that is trained or has other weights.
    """
    folder = Path(str(cells[0].training.objective.options[option]))
    if not (folder / FILE).is_file():
        raise ValueError(f"teacher: {folder} is no run: it has no {FILE}")
    try:
        record = verify_run(folder)
        folders = member_folders(folder, record.request.get("ensemble", {})) or [folder]
        members = [(place, checkpoint.read(place, str(place))) for place in folders]
    except ValueError as error:
        raise ValueError(f"teacher: {error}") from None
    for cell in cells:
        _refuse_other_request(record, cell, folder)
    for place, saved in members:
        if saved.vocabulary.words != vocabulary.words:
            raise ValueError(
                f"teacher: the run in {place} has another vocabulary: train it anew on the same data, with this version"
            )
    _refuse_other_weights(cells, members)
    uses = dict.fromkeys(used for _, saved in members for used in _components(saved))
    teacher = Teacher(option, record.id, str(folder))
    return [replace(cell, teacher=teacher, uses=tuple(dict.fromkeys((*cell.uses, *uses)))) for cell in cells]


def _refuse_other_request(record: RunRecord, cell: Cell, folder: Path) -> None:
    """Raise where data or backbone of a run, as its request names them, are not the cell's."""
    own, theirs = cell.request, record.request
    pairs = [(name, theirs.get(name), own[name]) for name in ("fingerprint", "backbone")]
    pairs += [
        (f"file of {label}", theirs.get("sources", {}).get(label), own["sources"].get(label))
        for label in ("backbone", "backbone weights")
    ]
    pairs.append(("min_count", theirs.get("training", {}).get("min_count"), cell.training.min_count))
    for name, other, wanted in pairs:
        if other != wanted:
            raise ValueError(f"teacher: the run in {folder} has the {name} {other}, and {cell} has {wanted}")


def _refuse_other_weights(cells: Sequence[Cell], members: Sequence[tuple[Path, Saved]]) -> None:
    """Raise where a backbone is trained, or a cell's first weights of it are not those of each member.

    Published ones are the same for all. Others, random ones for example, may depend on the seed.
    """
    with torch.device("meta"):
        trainable = build_backbone(cells[0].backbone).trainable  # which all have, as the teacher does
    if trainable:
        raise ValueError(f"teacher: {cells[0].backbone} is trained: both read the features of one frozen backbone")
    for place in (place for place, saved in members if saved.stored):
        theirs = _stored_backbone(place)
        for cell in {(cell.seed, cell.start_folder): cell for cell in cells}.values():
            own = _first_backbone(cell)
            if own.keys() != theirs.keys() or not all(torch.equal(own[name], theirs[name]) for name in own):
                raise ValueError(
                    f"teacher: the run in {place} has other weights in its backbone than {cell}: both read the "
                    "features of one frozen backbone, and random weights depend on the seed"
                )


def _first_backbone(cell: Cell) -> dict[str, Tensor]:
    """The weights that the cell's backbone has, which is frozen: made as the cell makes them."""
    if cell.start_folder:
        return _stored_backbone(Path(cell.start_folder))
    torch.manual_seed(cell.seed)
    backbone = build_backbone(cell.backbone)
    backbone.load_pretrained()
    return dict(backbone.state_dict())


def _stored_backbone(folder: Path) -> dict[str, Tensor]:
    tensors = checkpoint.read_tensors(folder, str(folder))
    return {name.removeprefix(BACKBONE): value for name, value in tensors.items() if name.startswith(BACKBONE)}


def _components(saved: Saved) -> Iterable[tuple[str, str]]:
    """Kind and name of all that a saved model is made of, which the cell's process has to know."""
    for kind, spec in vars(saved.parts).items():
        yield from ((registry.kind, name) for _, registry, name in parts_in(kind, spec))
