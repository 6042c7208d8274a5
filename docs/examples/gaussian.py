"""Attention by distance: the features nearest to the query, as a Gaussian kernel weighs them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("gaussian")
class Gaussian(ScoreAttention):
    """Scores a feature by the distance between W q and U f: -s |W q - U f|^2, with a learned s.

    Options:
        dim: width of the space in which both are compared.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, dim: int = 64) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, dim)
        self.U = nn.Linear(feature_dim, dim)
        self.s = nn.Parameter(torch.tensor(0.5))

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """U f."""
        return self.U(tokens)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """The squared distances, times -s."""
        return -self.s * (self.W(query)[:, :, None] - keys[:, None]).square().sum(dim=-1)
