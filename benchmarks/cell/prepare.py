"""What a cell shares with others, made from the data set, the backbone and the metrics alone."""

import torch

from benchmarks.cell.context import Context
from benchmarks.features.cache import stored_cut
from benchmarks.features.store import ImageStore
from benchmarks.plan.cell import Cell
from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain
from benchmarks.training.augmentation import refuse_augmentation
from zoo.backbones import Backbone
from zoo.backbones.build import build_backbone


def prepare(cell: Cell, context: Context) -> bool:
    """Encode the images, tokenize the references and prepare programs for them, unless the cache has it all.

    Returns:
        Whether another seed may have other features: all but published weights may depend on it.
    """
    torch.manual_seed(cell.seed)
    backbone = build_backbone(cell.backbone)
    weights = backbone.load_pretrained()
    images = store(cell, backbone.to(context.device).eval(), context)
    if images.skipped:
        first = plain(images.skipped[0])
        write(f"caption-zoo: note: {len(images.skipped)} images cannot be read and are left out, such as {first}")
    context.scorer(cell.located_dataset, cell.metrics).prepare()
    return not weights.published


def store(cell: Cell, backbone: Backbone, context: Context) -> ImageStore:
    """The stored images of the cell's data set, as its backbone needs them."""
    dataset = context.dataset(cell.located_dataset)
    training = cell.training
    if training.cached_crops:  # before they are encoded: what cannot be stored so is refused in training
        refuse_augmentation(training, pixels=backbone.trainable and stored_cut(backbone)[0] is None)
    return context.features.store(
        dataset,
        backbone,
        named=backbone_name(cell),
        hflip=training.hflip,
        crops=training.cached_crops,
        crop_scale=training.crop_scale,
    )


def backbone_name(cell: Cell) -> str:
    """The backbone's Spec and the hashes of its plug-ins: what may be shared by cells with the same weights."""
    labels = [label for label in sorted(cell.sources) if label.split()[0] == "backbone" and label != "backbone weights"]
    return f"{cell.backbone} {' '.join(cell.sources[label] for label in labels)}"
