"""Additive attention (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, A.1.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
            fractions = pairwise(lambda q, k: _fractions(q, k) @ v, queries, keys, chunk=_CACHED)
            score = v.sum() - 2 * fractions
        return score if self.g is None else score * (self.g / v.norm())


def _squared_exponential(x: Float[Tensor, "*shape A"]) -> Float[Tensor, "*shape A"]:
    """exp(2x), in float32 or better; x beyond 40, of which the exponential would overflow, counts as 40."""
    return (2 * x.to(torch.promote_types(x.dtype, torch.float32))).clamp(-_FAR, _FAR).exp()


def _fractions(queries: Float[Tensor, "B M A"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N A"]:
    """1 / (1 + query x key) of each pair."""
    return torch.addcmul(keys.new_ones(()), queries[:, :, None], keys[:, None]).reciprocal_()
