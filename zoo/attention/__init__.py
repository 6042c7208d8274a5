"""Attention over image features, given the words so far."""

from abc import ABC, abstractmethod

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Spec
from zoo.registries import ATTENTIONS
from zoo.types import AttentionOutput, Features, Memory

__all__ = [
    "ATTENTIONS",
    "Attention",
    "AttentionOutput",
    "Features",
    "Memory",
    "ScoreAttention",
    "dot_product_attention",
    "masked_softmax",
    "scorer",
    "split_heads",
    "with_scores",
]


class Attention(nn.Module, ABC):
    """Reads features with queries: `precompute` once per image, `forward` for every word.

    A component is built as ``(query_dim, feature_dim, *, options)`` and says in
    `context_dim` how wide its output is. A class also says whether its weights sum to 1
    (`sums_to_one`; else to 1 at most), whether its output depends on where on the grid a feature lies
    (`reads_grid`), whether it samples what it reads in training (`samples`), and what it
    reads beside the image, where there is such a thing (`non_visual_source`): what the weights lack
    to 1 is then its share.
    """

    context_dim: int
    sums_to_one = True
    reads_grid = False
    samples = False
    non_visual_source = ""

    @abstractmethod
    def precompute(self, features: Features) -> Memory:
        """Whatever of the attention depends on the image alone."""

    @abstractmethod
    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """What each of the M queries of an image reads from its memory.

        Masked positions are neither read nor given a weight. The weights, and
        those of each head, are returned only with `need_weights` (as in torch, but off by default).
        """


def masked_softmax(
    scores: Float[Tensor, "B *queries N"], mask: Bool[Tensor, "B N"] | None
) -> Float[Tensor, "B *queries N"]:
    """Weights of the positions, in float32 or better; masked ones get exactly 0."""
    if mask is not None:
        mask = mask.view(mask.shape[0], *[1] * (scores.ndim - 2), -1)
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32))


def dot_product_attention(
    q: Float[Tensor, "B heads M C"],
    k: Float[Tensor, "B heads N C"],
    v: Float[Tensor, "B heads N C"],
    mask: Bool[Tensor, "B 1 L N"] | None,
) -> Float[Tensor, "B heads M C"]:
    """softmax(q K / sqrt(C)) V, of the positions that the mask admits; L is M, or 1 for all of them alike.

    In float32 on a processor, whatever comes in: torch's backward in bfloat16 takes ten times as long there.
    """
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class ScoreAttention(Attention):
    """A mean of the features, weighted by how well each one's key matches the query.

    To define one, say what a key is and how it is scored; A is up to you.
    """

    def __init__(self, feature_dim: int) -> None:
        super().__init__()
        self.context_dim = feature_dim

    @abstractmethod
    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """What a query is compared with, once per image."""

    @abstractmethod
    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """How well each key matches each query; any real number."""

    def precompute(self, features: Features) -> Memory:
        """The keys of the features, and the features themselves."""
        return Memory(self.keys(features.tokens), features.tokens, features.mask)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The weighted mean; the weights are a softmax of the scores."""
        weights = masked_softmax(self.score(query, memory.keys), memory.mask)
        return AttentionOutput(weights.to(memory.values.dtype) @ memory.values, weights if need_weights else None)


def scorer(spec: str | Spec, query_dim: int, feature_dim: int) -> ScoreAttention:
    """The attention `spec`, for a part that does something else with its scores.

    Raises:
        ValueError: it has no scores of its own.
    """
    return with_scores(ATTENTIONS.build(spec, query_dim, feature_dim), spec)


def with_scores(attention: Attention, spec: str | Spec) -> ScoreAttention:
    """`attention`, which `spec` spells.

    Raises:
        ValueError: it has no scores of its own.
    """
    if not isinstance(attention, ScoreAttention):
        raise ValueError(f"{spec} has no scores to use: take an attention that scores each feature, as bahdanau does")
    return attention


def split_heads(x: Float[Tensor, "B L X"], num_heads: int) -> Float[Tensor, "B heads L C"]:
    """The channels of each head side by side become an axis of their own."""
    return rearrange(x, "b l (heads c) -> b heads l c", heads=num_heads)
