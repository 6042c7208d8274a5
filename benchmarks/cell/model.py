"""The model of a cell: trained, or an ensemble of those that other cells have trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cell.context import Context
from benchmarks.cell.observer import CellObserver
from benchmarks.cell.prepare import store
from benchmarks.cell.train import build, train
from benchmarks.features.store import ImageStore
from benchmarks.plan.cell import Cell
from benchmarks.records.model_files import verify_run
from benchmarks.training.checkpoints import Checkpoints
from benchmarks.training.curve import TrainResult
from zoo import checkpoint
from zoo.caption_model import CaptionModel
from zoo.ensemble import Ensemble


@dataclass(frozen=True)
class TrainedModel:
    """A model in evaluation mode, and how it came about.

    stores: the stored images for each of its backbones.
    weights: where the backbones' first weights came from.
    result: of its training; of an ensemble, which learns nothing, an empty one.
    """

    model: CaptionModel
    stores: Sequence[ImageStore]
    weights: str
    result: TrainResult

    @property
    def encode_seconds(self) -> float:
        """How long its stores took to make; one that several backbones share counts once."""
        return sum({store.key: store.seconds for store in self.stores}.values())


def train_model(
    cell: Cell, context: Context, *, out: Path, folder: Path, checkpoints: Checkpoints, observer: CellObserver
) -> TrainedModel:
    """The cell's captioner, trained, and saved in its `folder`."""
    captioner, weights = build(cell, context)
    images = store(cell, captioner.backbone, context)
    result = train(cell, captioner, context, images, checkpoints, observer)
    checkpoint.save(captioner, folder, weights=weights)
    return TrainedModel(captioner, [images], weights.source, result)


def load_ensemble(
    cell: Cell, context: Context, *, out: Path, folder: Path, checkpoints: Checkpoints, observer: CellObserver
) -> TrainedModel:
    """The ensemble of the captioners that the cell's members have left in `out`.

    Raises:
        ValueError: one of them is not there any more, or was changed since it was trained.
    """
    for member in cell.members:
        verify_run(out / member.id, member.id)
    found = [checkpoint.load(out / member.id, device=context.device, source=member.id) for member in cell.members]
    ensemble, stores, weights = Ensemble(found), [], ""
    for number in range(len(ensemble.backbones)):
        member = cell.members[ensemble.decoder.sources.index(number)]
        first, source = build(member, context)  # since stores are named by the weights before training
        weights = weights or source.source
        stores.append(store(member, first.backbone, context))
    return TrainedModel(ensemble, stores, weights, TrainResult((), 0, 0.0))
