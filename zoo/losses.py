"""Terms that a part adds to the loss of the words, beside their cross-entropy."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.types import DecoderOutput


class Taught(NamedTuple):
    """What is known once a batch of captions has been read in training.

    `said` is True where a next word was to be learnt, `log_likelihood` that of each whole
    caption, without gradients.
    """

    output: DecoderOutput
    said: Bool[Tensor, "B K T"]
    log_likelihood: Float[Tensor, "B K"]

    @classmethod
    def of(cls, output: DecoderOutput, said: Bool[Tensor, "B K T"], each: Float[Tensor, "words"]) -> "Taught":
        """From the log-likelihood of each word that was said, in the order of `said`."""
        spread = each.new_zeros(said.shape).masked_scatter(said, each)
        return cls(output, said, spread.sum(dim=-1))


class ExtraLoss(ABC):
    """A module that adds a term to the loss; training finds it wherever it sits in the decoder."""

    @abstractmethod
    def extra_loss(self, taught: Taught) -> Float[Tensor, ""]:
        """The term, summed over all captions; training divides it by the number of words, as it does the words' own."""


def extra_losses(module: nn.Module) -> list[ExtraLoss]:
    """Those inside `module`."""
    return [part for part in module.modules() if isinstance(part, ExtraLoss)]


class DoublyStochastic(nn.Module, ExtraLoss):
    """Every place should be looked at about once in a caption (Show, Attend and Tell, 4.2.1, eq. 14).

    The term is weight x sum over places of (1 - sum over words of the attention)^2.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"doubly_stochastic={weight} should not be negative")
        self.weight = weight

    def extra_loss(self, taught: Taught) -> Float[Tensor, ""]:
        """The term of all captions; padding adds nothing to what was looked at."""
        assert taught.output.weights is not None
        looked = (taught.output.weights * taught.said[..., None]).sum(dim=2)
        return self.weight * (1 - looked).square().sum()
