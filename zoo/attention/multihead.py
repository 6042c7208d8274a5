"""Multi-head attention (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, 3.2.2)."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size
from zoo.attention import ATTENTIONS, Attention, dot_product_attention, masked_softmax, split_heads
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("multihead")
class MultiHead(Attention):
    """Several heads at once, each a scaled dot product.

    The weights are the mean over the heads; each head's come beside them.

    Options:
        num_heads: how many; each is query_dim / num_heads channels wide.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, num_heads: Size = 8) -> None:
        super().__init__()
        if num_heads < 1 or query_dim % num_heads:
            raise ValueError(f"multihead(num_heads={num_heads}) does not divide the query's {query_dim} channels")
        self.num_heads, self.context_dim = num_heads, query_dim
        self.query = nn.Linear(query_dim, query_dim)
        self.key = nn.Linear(feature_dim, query_dim)
        self.value = nn.Linear(feature_dim, query_dim)
        self.out = nn.Linear(query_dim, query_dim)

    def precompute(self, features: Features) -> Memory:
        """Keys and values of every head, (B, heads, N, Q / heads)."""
        keys, values = (split_heads(part(features.tokens), self.num_heads) for part in (self.key, self.value))
        return Memory(keys, values, features.mask)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """softmax(q K / sqrt(d)) V of each head, side by side, through a last matrix."""
        q = split_heads(self.query(query), self.num_heads)
        weights = None
        if need_weights:
            weights = masked_softmax(q @ memory.keys.mT * q.shape[-1] ** -0.5, memory.mask)  # (B, heads, M, N)
            read = weights.to(memory.values.dtype) @ memory.values
        else:
            mask = None if memory.mask is None else memory.mask[:, None, None]
            read = dot_product_attention(q, memory.keys, memory.values, mask)
        context = self.out(rearrange(read, "b heads m c -> b m (heads c)"))
        if weights is None:
            return AttentionOutput(context, None)
        return AttentionOutput(context, weights.mean(dim=1), heads=weights.transpose(1, 2))
