"""Additive attention (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, A.1.2)."""

from jaxtyping import Float
from torch import Tensor, nn

from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("bahdanau")
class Bahdanau(ScoreAttention):
    """Scores a feature by a small network: v . tanh(W q + U f).

    Options:
        hidden_dim: width of that network.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: int = 512) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, hidden_dim)
        self.U = nn.Linear(feature_dim, hidden_dim, bias=False)
        self.v = nn.Linear(hidden_dim, 1, bias=False)

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """U f."""
        return self.U(tokens)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """v . tanh(W q + key); the sum is (B, M, N, A)."""
        return self.v((self.W(query)[:, :, None] + keys[:, None]).tanh()).squeeze(-1)
