"""The runs that cells learn from: whatever a cell would refuse of its teacher is refused before anything runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.plan.cell import Cell, Teacher
from benchmarks.plan.components import file_hashes, parts_in
from benchmarks.records.model_files import verify_run
from benchmarks.records.packed import is_packed
from benchmarks.records.record import FILE, RunRecord
from zoo import checkpoint
from zoo.backbones.build import build_backbone
from zoo.backbones.weights import digest
from zoo.checkpoint import BACKBONE, Saved
from zoo.files import member_folders
from zoo.registries import PARTS
from zoo.vocabulary import Vocabulary


class _Member(NamedTuple):
    """One of the models of a teacher."""

    folder: Path
    record: RunRecord
    saved: Saved


def with_teacher_run(cells: Sequence[Cell], option: str, vocabulary: Vocabulary) -> list[Cell]:
    """Each cell with the run that its objective learns from, an ensemble's too, which its `option` names by a folder.

    `vocabulary` is that of the cells.

    Raises:
        ValueError: there is no finished run, a file or a member of it is missing or was changed, one is a packed
            model, it is of other data, another vocabulary, backbone or min_count than the cells, the backbone is
            trained or has other weights, or the file of one of its parts is another here.
    """
    named = str(cells[0].training.objective.options[option])
    folder = Path(named)
    if not named or not (folder / FILE).is_file():  # an empty path is the working folder
        raise ValueError(f"teacher: {named!r} is no run: it has no {FILE}")
    try:
        record = verify_run(folder)
        folders = member_folders(folder, record.request.get("ensemble", {})) or [folder]
        members = [_Member(each, RunRecord.load(each / FILE), checkpoint.read(each, str(each))) for each in folders]
    except ValueError as error:
        raise ValueError(f"teacher: {error}") from None
    for cell in cells:
        _refuse_other_request(record, cell, folder)
    for member in members:
        _refuse_packed(member)
        _refuse_other_words(member, vocabulary)
        _refuse_other_sources(member)
    _refuse_other_weights(cells, members)
    used = [item for member in members for item in _components(member, PARTS)]
    uses = dict.fromkeys((registry.kind, name) for _, registry, name in used)
    teacher = Teacher(option, record.id, str(folder))
    return [replace(cell, teacher=teacher, uses=tuple(dict.fromkeys((*cell.uses, *uses)))) for cell in cells]


def _refuse_other_request(record: RunRecord, cell: Cell, folder: Path) -> None:
    """Raise where data or backbone of a run, as its request names them, are not the cell's."""
    own, theirs = cell.request, record.request
    pairs = [(name, theirs.get(name), own[name]) for name in ("fingerprint", "backbone")]
    recorded = theirs.get("sources", {})
    labels = sorted(label for label in recorded.keys() | own["sources"].keys() if label.split()[0] == "backbone")
    pairs += [(f"file of {label}", recorded.get(label), own["sources"].get(label)) for label in labels]
    pairs.append(("min_count", theirs.get("training", {}).get("min_count"), cell.training.min_count))
    for name, other, wanted in pairs:
        if other != wanted:
            raise ValueError(f"teacher: the run in {folder} has the {name} {other}, and {cell} has {wanted}")


def _refuse_packed(member: _Member) -> None:
    """Raise where weights are rounded: what learns from them has another outcome, and would have the same id."""
    if is_packed(member.record.environment):
        raise ValueError(
            f"teacher: {member.folder} is a packed model, whose weights were rounded: name the folder of the run that "
            f"it was made of, {member.record.id}"
        )


def _refuse_other_words(member: _Member, vocabulary: Vocabulary) -> None:
    if member.saved.vocabulary.words != vocabulary.words:
        raise ValueError(
            f"teacher: the run in {member.folder} has another vocabulary: train it anew on the same data, with this "
            "version"
        )


def _refuse_other_sources(member: _Member) -> None:
    """Raise where a file of its attention or decoder is not that of its training; the backbone is the cells' own."""
    kinds = ("attention", "decoder")
    here = file_hashes(_components(member, kinds), digest)
    sources = member.record.request.get("sources", {})
    recorded = {label: value for label, value in sources.items() if label.split()[0] in kinds}
    for label in sorted(here.keys() | recorded.keys()):
        if here.get(label) != recorded.get(label):
            raise ValueError(
                f"teacher: the run in {member.folder} was trained with the {label} of a file with the hash "
                f"{recorded.get(label)}, and here it is {here.get(label)}: give that file with --plugin"
            )


def _refuse_other_weights(cells: Sequence[Cell], members: Sequence[_Member]) -> None:
    """Raise where a backbone is trained, or a cell's first weights of it are not those of each member.

    Published ones are the same for all. Others, random ones for example, may depend on the seed.
    """
    with torch.device("meta"):
        trainable = build_backbone(cells[0].backbone).trainable  # which all have, as the teacher does
    if trainable:
        raise ValueError(f"teacher: {cells[0].backbone} is trained: both read the features of one frozen backbone")
    for place in (member.folder for member in members if member.saved.stored):
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


def _components(member: _Member, kinds: Iterable[str]) -> list[tuple[str, Any, str]]:
    """A label, the registry and the name of all that its parts of these kinds are made of."""
    return [item for kind in kinds for item in parts_in(kind, getattr(member.saved.parts, kind))]
