"""Objectives: what training minimises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.config import Training
from benchmarks.training import OBJECTIVES
from benchmarks.training.batches import Batch
from benchmarks.training.teacher_forcing import TeacherForced
from zoo.captioner import Captioner

__all__ = ["OBJECTIVES", "Batch", "Loss", "Mean", "Objective", "TeacherForced"]


class Mean(NamedTuple):
    """A mean over a batch that may come in parts: the sum, without a gradient, and the number of what was summed."""

    total: Tensor
    number: Tensor


class Loss(NamedTuple):
    """The loss of a batch, or of a part of one.

    total: summed over the words, with a gradient; training divides it by the words of the whole batch.
    words: how many.
    reported: what the training curve shows, by the names in the objective's `reports`.
    """

    total: Tensor
    words: Tensor
    reported: Mapping[str, Mean]


class Objective(nn.Module, ABC):
    """Turns a batch into a loss.

    A component is built as ``(captioner, training, references, *, options)``: the model, a
    `Training`, and the training captions by image id. The forward pass is the whole computation,
    so that a batch can be cut into parts, on one device or on many, whatever the objective: what
    it returns has to be a sum over the images of the part. Most begin with the pass of `TeacherForced`,
    whose `auxiliary_loss` of the decoder's parts belongs to the loss too. `reports` names what it
    reports; `signature` says what a reward is made of; `captions_per_image` is how many captions of an
    image a step learns from. `teacher_option` names the option, if any, that is the folder of a run to
    learn from: the plan checks that run, and requests and records have its id instead.
    """

    reports: tuple[str, ...] = ("loss",)
    signature: str = ""
    teacher_option: str = ""

    def __init__(self, captioner: Captioner, training: Training) -> None:
        super().__init__()
        self.captioner, self.precision = captioner, training.precision
        self.captions_per_image = training.captions_per_image

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Inside, what is safe in the precision of the training is computed in it."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    @abstractmethod
    def forward(self, batch: Batch) -> Loss:
        """The loss of a batch that lies on the model's device."""
