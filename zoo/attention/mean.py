"""No attention: the baseline."""

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.attention import ATTENTIONS, Attention
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("mean")
class Mean(Attention):
    """Reads the plain mean of the features, whatever the query."""

    def __init__(self, query_dim: int, feature_dim: int) -> None:
        super().__init__()
        self.context_dim = feature_dim

    def precompute(self, features: Features) -> Memory:
        """The mean as the value, (B, 1, D), and each position's share of it as the key, (B, 1, N)."""
        weights = features.tokens.new_ones(features.tokens.shape[:2])
        if features.mask is not None:
            weights = weights * features.mask
        weights = (weights / weights.sum(dim=1, keepdim=True))[:, None]
        return Memory(weights, weights @ features.tokens)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The same answer for each of the M queries."""
        queries = query.shape[1]
        exact = torch.promote_types(memory.keys.dtype, torch.float32)
        weights = memory.keys.to(exact).expand(-1, queries, -1) if need_weights else None
        return AttentionOutput(memory.values.expand(-1, queries, -1), weights)
