"""The loss of the words, and terms that a part adds to it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from zoo.types import DecoderOutput


def cross_entropy(
    logits: Float[Tensor, "words V"], targets: Int[Tensor, "words"], label_smoothing: float
) -> Float[Tensor, ""]:
    """The sum over words; `label_smoothing` of each target is spread over all V (Szegedy et al., 2016, section 7).

    The same as torch's, in less than half of its time on a processor: the gradient is
    computed in place of the saved log-probabilities. So backward can run only once.
    """
    return cast(Tensor, _CrossEntropy.apply(logits, targets, label_smoothing))


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        log_probs = logits.log_softmax(dim=1)
        ctx.save_for_backward(log_probs, targets)
        ctx.label_smoothing = label_smoothing
        loss = -(1 - label_smoothing) * log_probs.gather(1, targets[:, None]).sum()
        if label_smoothing:  # only then: a logit may be -inf
            loss = loss - label_smoothing / log_probs.shape[1] * log_probs.sum()
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        log_probs, targets = ctx.saved_tensors
        gradients = log_probs.exp_().sub_(
            ctx.label_smoothing / log_probs.shape[1]
        )  # probabilities less smoothed targets
        whole = torch.full_like(targets[:, None], ctx.label_smoothing - 1, dtype=gradients.dtype)
        return gradients.scatter_add_(1, targets[:, None], whole).mul_(gradient), None, None


class TrainingOutput(NamedTuple):
    """The decoder's output on a batch of captions under teacher forcing, for auxiliary losses.

    `target_mask` is True where a target is no padding; `log_likelihood` is that of each whole
    caption, without gradients.
    """

    output: DecoderOutput
    target_mask: Bool[Tensor, "B K T"]
    log_likelihood: Float[Tensor, "B K"]

    @classmethod
    def of(
        cls,
        output: DecoderOutput,
        target_mask: Bool[Tensor, "B K T"],
        word_index: Int[Tensor, "words"],
        log_probs: Float[Tensor, "words"],
    ) -> "TrainingOutput":
        """From the log-probability of each target that is no padding, and where these lie in a row of B x K x T."""
        padded = log_probs.new_zeros(target_mask.numel()).index_copy(0, word_index, log_probs)
        return cls(output, target_mask, padded.view(target_mask.shape).sum(dim=-1))


class AuxiliaryLoss(ABC):
    """A module that adds a term to the loss; training finds it wherever it sits in the decoder.

    A batch may come in parts, on one device or on many. What such a module learns from a whole batch
    beside its gradients, it sums up in `statistics`, and takes in by `update`, once per step.
    """

    @abstractmethod
    def auxiliary_loss(self, training: TrainingOutput) -> Float[Tensor, ""]:
        """The term, summed over all captions; training divides it by the number of words, as it does the words' own."""

    def statistics(self) -> Sequence[Tensor]:
        """Tensors to which `auxiliary_loss` adds, in place, sums over captions; they begin with 0."""
        return ()

    def update(self) -> None:
        """Take in the statistics, which are of the whole batch now, and set them to 0."""
        for tensor in self.statistics():
            tensor.zero_()


def auxiliary_losses(module: nn.Module) -> list[AuxiliaryLoss]:
    """Those inside `module`."""
    return [part for part in module.modules() if isinstance(part, AuxiliaryLoss)]


class DoublyStochastic(nn.Module, AuxiliaryLoss):
    """The attention on each place should sum to about 1 over a caption (Show, Attend and Tell, 4.2.1, eq. 14).

    The term is weight x sum over places of (1 - sum over words of the attention)^2.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"doubly_stochastic={weight} should not be negative")
        self.weight = weight

    def auxiliary_loss(self, training: TrainingOutput) -> Float[Tensor, ""]:
        """The term of all captions; padding adds nothing."""
        assert training.output.weights is not None
        attended = (training.output.weights * training.target_mask[..., None]).sum(dim=2)
        return self.weight * (1 - attended).square().sum()
