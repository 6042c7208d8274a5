"""Attention by angle (Graves et al., 2014, https://arxiv.org/abs/1410.5401, 3.3.1): how alike, whatever the length."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Size
from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("cosine")
class Cosine(ScoreAttention):
    """Scores a feature by the cosine between W q and U f, times a learned sharpness.

    Options:
        hidden_dim: width of the space in which the two meet.
        sharpness: the factor's first value; a cosine alone is too flat for a softmax.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: Size = 512, sharpness: float = 10.0) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, hidden_dim, bias=False)
        self.U = nn.Linear(feature_dim, hidden_dim, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness)))

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """U f, of length 1."""
        return F.normalize(self.U(tokens), dim=-1)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """The cosines, sharpened."""
        return self.sharpness * F.normalize(self.W(query), dim=-1) @ keys.mT
