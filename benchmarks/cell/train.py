"""A cell's model, and its training: in the process that has its record, and in others beside it."""

from contextlib import suppress
from pathlib import Path

import torch

from benchmarks.cell.checkpoints import signals
from benchmarks.cell.context import Context
from benchmarks.cell.prepare import store
from benchmarks.features.store import ImageStore
from benchmarks.plan.cell import Cell
from benchmarks.records.model_files import verify_run
from benchmarks.runtime.process_group import joined
from benchmarks.training.checkpoints import Preempted, Requests
from benchmarks.training.curve import TrainResult
from benchmarks.training.observer import Observer
from benchmarks.training.trainer import Trainer
from zoo import checkpoint
from zoo.backbones import RANDOM, WeightsSource
from zoo.captioner import Captioner
from zoo.parts import Parts


def build(cell: Cell, context: Context) -> tuple[Captioner, WeightsSource]:
    """The model with its first weights, on its device, and where its backbone's came from.

    Raises:
        ValueError: the weights to start from are not of this model, or are not those of their run's record.
    """
    torch.manual_seed(cell.seed)
    parts = Parts.parse(cell.backbone, cell.attention, cell.decoder)
    captioner = Captioner.build(parts, context.vocabulary(cell.located_dataset, cell.training.min_count))
    weights = captioner.backbone.load_pretrained()
    if weights == RANDOM and captioner.backbone.trainable:
        weights = RANDOM._replace(source="trained from scratch")
    if cell.start_folder:
        verify_run(Path(cell.start_folder), cell.start_from)
        earlier = checkpoint.load(cell.start_folder)
        if earlier.vocabulary.words != captioner.vocabulary.words:
            raise ValueError(f"the run {cell.start_from} to start from has another vocabulary")
        captioner.load_state_dict(earlier.state_dict())
    return captioner.to(context.device).eval(), weights


def train(
    cell: Cell,
    captioner: Captioner,
    context: Context,
    images: ImageStore,
    checkpoints: Requests | None = None,
    observer: Observer | None = None,
) -> TrainResult:
    """Train the model on the training images, with the other processes of the cell; the first one is observed.

    Raises:
        ValueError: the teacher is not the run that was planned with, or a file of it was changed.
    """
    if cell.teacher:
        verify_run(Path(cell.teacher.folder), cell.teacher.run)
    validation = context.validation(cell.located_dataset)
    if context.resources.grad_checkpointing and captioner.backbone.trainable:
        captioner.backbone.set_grad_checkpointing()
    with joined(cell.id) as group:
        trainer = Trainer(
            captioner,
            [example for example in context.dataset(cell.located_dataset).train if example.image_id in images.rows],
            images,
            cell.training,
            seed=cell.seed,
            validate_fn=lambda model: validation.score(model, images, cell.decoding),
            group=group,
            micro_batch=context.resources.micro_batch,
            observer=observer,
        )
        return trainer.run(checkpoints)


def assist(cell: Cell, context: Context) -> None:
    """Train the cell with the process that has its record.

    A scheduler's signal to any of them has that one save the state, and all of them stop. An ensemble trains nothing.
    """
    if cell.members:
        return
    checkpoints = Requests()
    with suppress(Preempted), signals(checkpoints):
        captioner, _ = build(cell, context)
        train(cell, captioner, context, store(cell, captioner.backbone, context), checkpoints)
