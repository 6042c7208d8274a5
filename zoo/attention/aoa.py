"""Attention on attention (Huang et al., 2019, https://arxiv.org/abs/1908.06954, 3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.attention import ATTENTIONS, Attention
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("aoa")
class AttentionOnAttention(Attention):
    """Asks how much what was read has to do with the query: (W [v; q]) * sigmoid(W' [v; q]).

    v is what any other attention read; the weights, and its heads', are that attention's.

    Options:
        attention: the attention that reads.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, attention: str = "multihead") -> None:
        super().__init__()
        self.attention = ATTENTIONS.build(attention, query_dim, feature_dim)
        self.sums_to_one, self.reads_grid = self.attention.sums_to_one, self.attention.reads_grid
        self.samples, self.context_dim = self.attention.samples, query_dim
        self.non_visual_source = self.attention.non_visual_source
        self.information_and_gate = nn.Linear(self.attention.context_dim + query_dim, 2 * query_dim)

    def precompute(self, features: Features) -> Memory:
        """The inner attention's memory."""
        return self.attention.precompute(features)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The information, as far as the gate lets it through."""
        output: AttentionOutput = self.attention(query, memory, need_weights=need_weights)
        both = self.information_and_gate(torch.cat([output.context, query], dim=-1))
        return output._replace(context=F.glu(both, dim=-1))
