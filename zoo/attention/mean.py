"""No attention: the floor that every table needs."""

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.attention import ATTENTIONS, Attention
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("mean")
class Mean(Attention):
    """Reads the plain mean of the features, whatever is asked."""

    def __init__(self, query_dim: int, feature_dim: int) -> None:
        super().__init__()
        self.context_dim = feature_dim

    def precompute(self, features: Features) -> Memory:
        """The mean as the value, (B, 1, D), and each position's share of it as the key, (B, 1, N)."""
        share = features.tokens.new_ones(features.tokens.shape[:2])
        if features.mask is not None:
            share = share * features.mask
        share = (share / share.sum(dim=1, keepdim=True))[:, None]
        return Memory(share, share @ features.tokens)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, weights: bool = False) -> AttentionOutput:
        """The same answer for each of the M queries."""
        asked = query.shape[1]
        exact = torch.promote_types(memory.keys.dtype, torch.float32)
        share = memory.keys.to(exact).expand(-1, asked, -1) if weights else None
        return AttentionOutput(memory.values.expand(-1, asked, -1), share)
