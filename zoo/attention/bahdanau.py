"""Additive attention (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, A.1.2)."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from registry import Size
from zoo.attention import ATTENTIONS, ScoreAttention
from zoo.pairwise import pairwise

_FAR = 80.0  # exp(80) and exp(-80) are float32, and tanh(40) is 1
_CACHED = 2**19  # pairs x channels: 2 MB of float32


@ATTENTIONS.register("bahdanau")
class Bahdanau(ScoreAttention):
    """Scores a feature by a small network: v . tanh(W q + U f).

    Options:
        hidden_dim: width of that network.
        normed: whether v has a learned length g, apart from its direction: g v / |v|
            (Salimans and Kingma, 2016, https://arxiv.org/abs/1602.07868).
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: Size = 512, normed: bool = False) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, hidden_dim)
        self.U = nn.Linear(feature_dim, hidden_dim, bias=False)
        self.v = nn.Linear(hidden_dim, 1, bias=False)
        self.g = nn.Parameter(torch.tensor(hidden_dim**-0.5)) if normed else None

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """exp(2 U f)."""
        return _squared_exponential(self.U(tokens))

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """v . tanh(W q + U f), with tanh(a + b) = 1 - 2 / (1 + exp(2a) exp(2b)).

        So exponentials are taken of queries and, once per image, of keys, and not of their pairs,
        of which there are (B, M, N, A); on a processor that is the larger part of the time.
        """
        queries, v = _squared_exponential(self.W(query)), self.v.weight[0].to(keys.dtype)
        with torch.autocast(keys.device.type, enabled=False):  # a score is a small difference of large sums
            score = v.sum() - 2 * _weighted_sums(queries, keys, v)
        return score if self.g is None else score * (self.g / v.norm())


def _squared_exponential(x: Float[Tensor, "*shape A"]) -> Float[Tensor, "*shape A"]:
    """exp(2x), in float32 or better; x beyond 40, of which the exponential would overflow, counts as 40."""
    return (2 * x.to(torch.promote_types(x.dtype, torch.float32))).clamp(-_FAR, _FAR).exp()


def _fractions(queries: Float[Tensor, "B M A"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N A"]:
    """1 / (1 + query x key) of each pair."""
    return torch.addcmul(keys.new_ones(()), queries[:, :, None], keys[:, None]).reciprocal_()


def _weighted_sums(
    queries: Float[Tensor, "B M A"], keys: Float[Tensor, "B N A"], v: Float[Tensor, "A"]
) -> Float[Tensor, "B M N"]:
    """v . 1 / (1 + query x key) of each pair, of which a processor holds only those that fit its cache."""
    if keys.device.type == "cpu" and not torch.compiler.is_compiling():
        return _WeightedSums.apply(queries, keys, v)
    return pairwise(lambda q, k: _fractions(q, k) @ v, queries, keys)


class _WeightedSums(torch.autograd.Function):
    """Backward computes the fractions again, and in place, in less than half of the time that autograd takes.

    With f = 1 / (1 + q k) the derivative by q is -k f^2 = -(f - f^2) / q, and that by k is -(f - f^2) / k.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, v)
        sums = queries.new_empty(*queries.shape[:2], keys.shape[1])
        for images, some in _chunks(queries, keys):
            sums[images, some] = _fractions(queries[images, some], keys[images]) @ v
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, v = ctx.saved_tensors
        of_queries, of_keys, of_v = torch.empty_like(queries), torch.zeros_like(keys), torch.zeros_like(v)
        for images, some in _chunks(queries, keys):
            weights, pairs = gradient[images, some], _fractions(queries[images, some], keys[images])
            of_v += weights.flatten() @ pairs.flatten(0, 2)
            pairs.addcmul_(pairs, pairs, value=-1)
            of_queries[images, some] = (weights[:, :, None] @ pairs)[:, :, 0]
            of_keys[images] += pairs.mul_(weights[..., None]).sum(dim=1)
        return of_queries.mul_(-v).div_(queries), of_keys.mul_(-v).div_(keys), of_v


def _chunks(queries: Tensor, keys: Tensor) -> Iterator[tuple[slice, slice]]:
    """Places of images and of their queries whose pairs fit a processor's cache."""
    (images, count, _), of_query = queries.shape, max(1, keys.shape[1] * keys.shape[2])
    some_queries = min(count, max(1, _CACHED // of_query))
    some_images = max(1, _CACHED // (some_queries * of_query))
    for image in range(0, images, some_images):
        for query in range(0, count, some_queries):
            yield slice(image, image + some_images), slice(query, query + some_queries)
