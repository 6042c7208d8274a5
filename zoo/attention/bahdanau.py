"""Additive attention (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, A.1.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("bahdanau")
class Bahdanau(ScoreAttention):
    """Scores a feature by a small network: v . tanh(W q + U f).

    Options:
        hidden_dim: width of that network.
        normed: whether v has a learnt length g, apart from its direction: g v / |v|
            (Salimans and Kingma, 2016, https://arxiv.org/abs/1602.07868).
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: int = 512, normed: bool = False) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, hidden_dim)
        self.U = nn.Linear(feature_dim, hidden_dim, bias=False)
        self.v = nn.Linear(hidden_dim, 1, bias=False)
        self.g = nn.Parameter(torch.tensor(hidden_dim**-0.5)) if normed else None

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """U f."""
        return self.U(tokens)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """v . tanh(W q + key); the sum is (B, M, N, A)."""
        score = self.v((self.W(query)[:, :, None] + keys[:, None]).tanh()).squeeze(-1)
        return score if self.g is None else score * (self.g / self.v.weight.norm())
