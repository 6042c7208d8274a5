"""Multiplicative attention (Luong et al., 2015, https://arxiv.org/abs/1508.04025, 3.1)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from zoo.attention import ATTENTIONS, ScoreAttention
from zoo.pairwise import pairwise


@ATTENTIONS.register("luong")
class Luong(ScoreAttention):
    """Scores a feature by a product, q . f or q . W f, or by v . tanh(W [q; f]).

    Options:
        score: "dot" q . f, for queries as wide as features; "general" q . W f;
            "concat" v . tanh(W [q; f]), W kept as its two halves.
        scale: divide a dot or general score by the root of the query's width. The paper
            does not; it keeps wide queries from saturating the softmax.
    """

    def __init__(
        self,
        query_dim: int,
        feature_dim: int,
        *,
        score: Literal["dot", "general", "concat"] = "general",
        scale: bool = False,
    ) -> None:
        super().__init__(feature_dim)
        if score == "dot" and query_dim != feature_dim:
            raise ValueError(f"luong(score='dot') needs queries as wide as features, not {query_dim} and {feature_dim}")
        if score == "concat" and scale:
            raise ValueError("luong(score='concat') has no product to scale: leave scale out")
        self.factor = query_dim**-0.5 if scale else 1.0
        self.W = nn.Identity() if score == "dot" else nn.Linear(feature_dim, query_dim, bias=False)
        self.W_query = nn.Linear(query_dim, query_dim, bias=False) if score == "concat" else None
        self.v = nn.Linear(query_dim, 1, bias=False) if score == "concat" else None

    def keys(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N Q"]:
        """f or W f."""
        return self.W(tokens)

    def score(self, query: Float[Tensor, "B M Q"], keys: Float[Tensor, "B N Q"]) -> Float[Tensor, "B M N"]:
        """The product, or the network where score is "concat"."""
        if self.W_query is None or self.v is None:
            return query * self.factor @ keys.mT
        v = self.v.weight[0]
        return pairwise(lambda q, k: (q[:, :, None] + k[:, None]).tanh() @ v, self.W_query(query), keys)
