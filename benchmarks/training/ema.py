"""An exponential moving average of the weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA:
    """A moving average of the trainable weights; its decay is warmed up, to soon forget the initial ones.

    A trainable backbone's are among them. The statistics of a BatchNorm that learns are not: they are moving averages
    already, and the averaged weights get the latest.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.parameters: list[Tensor] = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.values = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.values, self.parameters, 1 - decay if self.decay else 1.0)

    @torch.no_grad()
    def load(self, steps: int, values: Sequence[Tensor]) -> None:
        """Go on from an earlier average."""
        self.steps = steps
        torch._foreach_copy_(self.values, [new.to(old.device) for old, new in zip(self.values, values, strict=True)])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model has the averaged weights."""
        own = [tensor.detach().clone() for tensor in self.parameters]
        self._set(self.values)
        try:
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self.parameters, values)
