"""The interface of a training objective."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor

from zoo.captioner import Captioner


class Loss(NamedTuple):
    """The loss of one batch.

    total: what is minimised; it has a gradient.
    reported: what the training curve shows, without a gradient.
    """

    total: Tensor
    reported: Tensor


class Objective(ABC):
    """What training minimises: turns a batch into a loss."""

    @abstractmethod
    def loss(self, captioner: Captioner, rows: Tensor, captions: Tensor, grid: tuple[int, int] | None) -> Loss:
        """The loss of stored `rows` of B images with `captions`, (B, K, T + 1) token ids, all on one device."""
