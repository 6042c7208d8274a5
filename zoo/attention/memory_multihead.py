"""Memory-augmented attention (Cornia et al., 2020, https://arxiv.org/abs/1912.08226, 3.1)."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size
from zoo.attention import ATTENTIONS, Attention, masked_softmax, split_heads
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("memory_multihead")
class MemoryMultiHead(Attention):
    """Multi-head attention that can also read learned slots: what is known and not seen.

    The weights are those of the image alone, the mean over the heads; the rest of 1 went
    to the slots. Each head's come beside them.

    Options:
        num_heads: how many; each is query_dim / num_heads channels wide.
        num_slots: learned keys and values beside those of the image.
    """

    sums_to_one = False
    non_visual_source = "memory slots"

    def __init__(self, query_dim: int, feature_dim: int, *, num_heads: Size = 8, num_slots: Size = 40) -> None:
        super().__init__()
        if num_heads < 1 or query_dim % num_heads:
            raise ValueError(f"memory_multihead(num_heads={num_heads}) does not divide {query_dim} query channels")
        if num_slots < 1:
            raise ValueError(f"memory_multihead(num_slots={num_slots}) should be at least 1; multihead has none")
        self.num_heads, self.num_slots, self.context_dim = num_heads, num_slots, query_dim
        self.query = nn.Linear(query_dim, query_dim)
        self.key = nn.Linear(feature_dim, query_dim)
        self.value = nn.Linear(feature_dim, query_dim)
        self.out = nn.Linear(query_dim, query_dim)
        self.key_slots = nn.Parameter(torch.randn(num_slots, query_dim) * (num_heads / query_dim) ** 0.5)
        self.value_slots = nn.Parameter(torch.randn(num_slots, query_dim) * num_slots**-0.5)

    def precompute(self, features: Features) -> Memory:
        """Keys and values of every head, (B, heads, N + slots, Q / heads): the image's, then the slots'."""
        images = features.tokens.shape[0]
        keys, values = (
            split_heads(torch.cat([layer(features.tokens), slots.expand(images, -1, -1)], dim=1), self.num_heads)
            for layer, slots in ((self.key, self.key_slots), (self.value, self.value_slots))
        )
        mask = features.mask
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(mask.shape[0], self.num_slots)], dim=1)
        return Memory(keys, values, mask)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """softmax(q K / sqrt(d)) V of each head over image and slots, through a last matrix."""
        q = split_heads(self.query(query), self.num_heads)
        weights = masked_softmax(q @ memory.keys.mT * q.shape[-1] ** -0.5, memory.mask)  # (B, heads, M, N + slots)
        read = weights.to(memory.values.dtype) @ memory.values
        context = self.out(rearrange(read, "b heads m c -> b m (heads c)"))
        if not need_weights:
            return AttentionOutput(context, None)
        image = weights[..., : -self.num_slots]
        return AttentionOutput(context, image.mean(dim=1), heads=image.transpose(1, 2))
