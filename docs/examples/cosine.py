"""Cosine attention (Graves et al., 2014, https://arxiv.org/abs/1410.5401, 3.3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("cosine")
class Cosine(ScoreAttention):
    """Scores a feature by its angle to the query: s cos(W q, U f).

    Options:
        dim: width of the space in which the two are compared.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, dim: int = 256) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, dim, bias=False)
        self.U = nn.Linear(feature_dim, dim, bias=False)
        self.s = nn.Parameter(torch.tensor(10.0))  # a cosine alone is too flat for a softmax

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """U f, of length 1."""
        return F.normalize(self.U(tokens), dim=-1)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """The cosines, times s."""
        return self.s * F.normalize(self.W(query), dim=-1) @ keys.mT
