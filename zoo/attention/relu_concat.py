"""The attention of many tutorials: a two-layer network on feature and state, side by side."""

from jaxtyping import Float
from torch import Tensor, nn

from registry import Size
from zoo.attention import ATTENTIONS, ScoreAttention
from zoo.pairwise import pairwise


@ATTENTIONS.register("relu_concat")
class ReluConcat(ScoreAttention):
    """Scores a feature by a two-layer network: v . relu(W [f; q]).

    W is kept as its two halves: the feature's is then applied once per image, not once
    per word, and the result is the same.

    Options:
        hidden_dim: width of that network.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: Size = 512) -> None:
        super().__init__(feature_dim)
        self.W_feature = nn.Linear(feature_dim, hidden_dim)
        self.W_query = nn.Linear(query_dim, hidden_dim, bias=False)
        self.v = nn.Linear(hidden_dim, 1)

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N A"]:
        """The feature's half of W."""
        return self.W_feature(tokens)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N A"]) -> Float[Tensor, "B M N"]:
        """v . relu(query's half + key)."""
        v = self.v.weight[0]
        return self.v.bias + pairwise(lambda q, k: (q[:, :, None] + k[:, None]).relu() @ v, self.W_query(query), keys)
