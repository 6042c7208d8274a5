"""Sparse attention: weights that can be exactly 0.

Sparsemax (Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068) and 1.5-entmax
(Peters et al., 2019, https://arxiv.org/abs/1905.05702), both exact, by sorting.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.attention import ATTENTIONS, Attention, scorer
from zoo.types import AttentionOutput, Features, Memory

_FAR = -10.0  # from the highest score; both give 0 to all that lies 2 below it


@ATTENTIONS.register("sparse")
class Sparse(Attention):
    """A weighted mean of few features: most places get no weight at all.

    Options:
        score: the attention whose scores are used.
        normaliser: what makes them weights, in the softmax's stead; "sparsemax" is the
            sparser one.
    """

    def __init__(
        self,
        query_dim: int,
        feature_dim: int,
        *,
        score: str = "bahdanau",
        normaliser: Literal["entmax15", "sparsemax"] = "entmax15",
    ) -> None:
        super().__init__()
        self.scorer, self.context_dim = scorer(score, query_dim, feature_dim), feature_dim
        self.normaliser = entmax15 if normaliser == "entmax15" else sparsemax

    def precompute(self, features: Features) -> Memory:
        """The scorer's memory."""
        return self.scorer.precompute(features)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The mean by the sparse weights."""
        weights = self.normaliser(_below_highest(self.scorer.score(query, memory.keys), memory.mask))
        return AttentionOutput(weights.to(memory.values.dtype) @ memory.values, weights if need_weights else None)


def _below_highest(scores: Float[Tensor, "B M N"], mask: Bool[Tensor, "B N"] | None) -> Float[Tensor, "B M N"]:
    """Scores less the highest that counts, at least float32; what the mask leaves out is far below."""
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None], -torch.inf)
    return (scores - scores.amax(dim=-1, keepdim=True)).clamp_min(_FAR)


def sparsemax(scores: Float[Tensor, "*shape N"]) -> Float[Tensor, "*shape N"]:
    """The nearest point of the simplex: max(z - t, 0) with the t that makes them sum to 1."""
    ordered = scores.sort(dim=-1, descending=True).values
    count = torch.arange(1, scores.shape[-1] + 1, device=scores.device)
    sums = ordered.cumsum(dim=-1)
    size = (1 + count * ordered > sums).sum(dim=-1, keepdim=True)
    return (scores - (sums.gather(-1, size - 1) - 1) / size).clamp_min(0)


def entmax15(scores: Float[Tensor, "*shape N"]) -> Float[Tensor, "*shape N"]:
    """Half-way to the softmax: max(z / 2 - t, 0)^2 with the t that makes them sum to 1."""
    scores = scores / 2
    ordered = scores.sort(dim=-1, descending=True).values
    count = torch.arange(1, scores.shape[-1] + 1, device=scores.device)
    mean = ordered.cumsum(dim=-1) / count
    spread = ordered.square().cumsum(dim=-1) / count - mean.square()
    root = (
        (1 / count.to(scores.dtype) - spread).clamp_min(torch.finfo(scores.dtype).tiny).sqrt()
    )  # not 0: its slope would be infinite
    threshold = mean - root
    size = (threshold <= ordered).sum(dim=-1, keepdim=True)
    return (scores - threshold.gather(-1, size - 1)).clamp_min(0).square()
