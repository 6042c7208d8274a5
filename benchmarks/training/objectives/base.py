"""The interface of what training minimises."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor

from zoo.captioner import Captioner


class Loss(NamedTuple):
    """What one batch gives.

    total: what is minimised; it has a gradient.
    reported: what stands in the curves, without a gradient.
    """

    total: Tensor
    reported: Tensor


class Objective(ABC):
    """Turns a batch into a loss; what it does after that is up to the optimizer."""

    @abstractmethod
    def loss(self, captioner: Captioner, rows: Tensor, captions: Tensor, grid: tuple[int, int] | None) -> Loss:
        """The loss of stored `rows` of B images with `captions`, (B, K, T + 1) numbers, all on one device."""
