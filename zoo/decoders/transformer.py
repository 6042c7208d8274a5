"""The Transformer decoder (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762), with any attention to the image."""

import math
from collections.abc import Iterable
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Size, Spec
from zoo.attention import dot_product_attention, split_heads
from zoo.decoders import DECODERS, Decoder
from zoo.projection import Positions, Projection
from zoo.registries import ATTENTIONS
from zoo.types import AttentionOutput, DecoderOutput, Features, Memory, State


@DECODERS.register("transformer")
class Transformer(Decoder):
    """Layers of self-attention over the words, attention to the image, and a feed-forward network.

    Each layer has an attention of its own, of any kind, and normalises what it reads first
    (pre-norm, Xiong et al., 2020, https://arxiv.org/abs/2002.04745). The weights are the
    mean over the layers; each layer's come beside them. Keys and values of words are cached once
    for all captions of an image, and the state says which of them are a caption's own: beam
    search reorders that and copies none of them.

    Options:
        dim: width of the words and the projected features.
        num_layers: how many layers.
        num_heads: of the self-attention; each is dim / num_heads channels wide.
        hidden_dim: width inside the feed-forward network; None is 4 x dim.
        dropout: dropout probability of features, words and each sub-layer's output.
        positions: encoding of each feature's place on the grid: sines and cosines of row and
            column, a learned vector for each, or none.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_dim: int,
        attention: str | Spec,
        *,
        dim: Size = 512,
        num_layers: Size = 3,
        num_heads: Size = 8,
        hidden_dim: Size | None = None,
        dropout: float = 0.1,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__()
        if num_heads < 1 or dim % num_heads or dim % 2 or num_layers < 1:
            raise ValueError(
                "transformer needs an even dim that num_heads divides, and a layer: "
                f"not dim={dim}, num_heads={num_heads}, num_layers={num_layers}"
            )
        self.project = Projection(feature_dim, dim, dropout=dropout, positions=positions)
        self.embed = nn.Embedding(vocab_size, dim)
        nn.init.normal_(self.embed.weight, std=dim**-0.5)  # it is the output layer too
        self.layers = nn.ModuleList(
            Layer(dim, num_heads, hidden_dim or 4 * dim, attention, dropout) for _ in range(num_layers)
        )
        self.non_visual_source = cast(Layer, self.layers[0]).attention.non_visual_source
        self.norm = nn.LayerNorm(dim)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.dropout = nn.Dropout(dropout)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """Each layer's memory of the image, then each one's of words, (B, 0, E) yet; whose these are, (B, 1, 0)."""
        features = self.project(features)
        none = features.tokens[:, :0]
        layers = cast(Iterable[Layer], self.layers)
        images = tuple(layer.attention.precompute(features) for layer in layers)
        own = none.new_empty(none.shape[0], 1, 0, dtype=torch.bool)
        return (*images, *(Memory(none, none) for _ in images)), (own,)

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """All tokens at once; causal within each caption, over the words in the cache too."""
        (own,) = state
        length = tokens.shape[2]
        past = own[0, 0].sum()  # all captions are of one length
        x = self.dropout(
            self.embed(tokens) * math.sqrt(self.embed.embedding_dim)
            + _sinusoidal_encoding(past, length, self.embed.weight)
        )
        visible = _visible(own, length)
        images, cache = memory[: len(self.layers)], memory[len(self.layers) :]
        kv_cache: list[Memory] = []
        attended: list[AttentionOutput] = []
        for layer, image, cached in zip(self.layers, images, cache, strict=True):
            x, attention, cached = layer(x, image, cached, visible, need_weights=need_weights)
            kv_cache.append(cached)
            attended.append(attention)
        weights, heads = _mean_and_each(attended, *tokens.shape[1:]) if need_weights else (None, None)
        own = visible[:, length - 1 :: length]  # what the last of a caption sees is what is its own
        return DecoderOutput(self.norm(x), weights, (own,), heads=heads, memory=(*images, *kv_cache))

    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """The words' own vectors are the output layer (Press and Wolf, 2017)."""
        return F.linear(hidden, self.embed.weight, self.bias)


class Layer(nn.Module):
    """Self-attention, attention to the image, feed-forward network: each added to what it read."""

    repeats = ("forward",)

    def __init__(self, dim: int, num_heads: int, hidden_dim: int, attention: str | Spec, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention = ATTENTIONS.build(attention, dim, dim)
        if self.attention.samples:
            raise ValueError(
                f"a transformer attends in every layer, and {attention} learns from one attention per word: "
                "take a recurrent decoder"
            )
        self.before_words, self.before_image, self.before_network = (nn.LayerNorm(dim) for _ in range(3))
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        width = self.attention.context_dim
        self.fit = nn.Identity() if width == dim else nn.Linear(width, dim)
        self.network = nn.Sequential(
            nn.Linear(dim, hidden_dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden_dim, dim)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B K T E"],
        image: Memory,
        kv_cache: Memory,
        visible: Bool[Tensor, "B M S"],
        *,
        need_weights: bool,
    ) -> tuple[Tensor, AttentionOutput, Memory]:
        """x, what the K x T queries read of the image, and the cache grown to all S words so far."""
        read, kv_cache = self._self_attention(self.before_words(x), kv_cache, visible)
        x = x + self.dropout(read)
        query = rearrange(self.before_image(x), "b k t e -> b (k t) e")
        attention: AttentionOutput = self.attention(query, image, need_weights=need_weights)
        x = x + self.dropout(self.fit(attention.context).view_as(x))
        x = x + self.dropout(self.network(self.before_network(x)))
        return x, attention, kv_cache

    def _self_attention(
        self, x: Float[Tensor, "B K T E"], kv_cache: Memory, visible: Bool[Tensor, "B M S"]
    ) -> tuple[Float[Tensor, "B K T E"], Memory]:
        query, key, value = self.query_key_value(x.flatten(1, 2)).chunk(3, dim=-1)
        keys = torch.cat([kv_cache.keys.to(key), key], dim=1)
        values = torch.cat([kv_cache.values.to(value), value], dim=1)
        q, k, v = (split_heads(part, self.num_heads) for part in (query, keys, values))
        read = dot_product_attention(q, k, v, visible[:, None])
        return self.out(rearrange(read, "b heads m c -> b m (heads c)")).view_as(x), Memory(keys, values)


def _visible(own: Bool[Tensor, "B K S"], length: int) -> Bool[Tensor, "B M R"]:
    """For K x T queries, which of R words each reads: of the S before, and of the K x T new ones behind them.

    The cache holds all captions of an image side by side, and each reads its own alone, up to itself.
    """
    captions, positions = (torch.arange(count, device=own.device) for count in (own.shape[1], length))
    new = (captions[:, None, None, None] == captions[:, None]) & (positions[:, None, None] >= positions)
    past = own[:, :, None].expand(-1, -1, length, -1)
    return torch.cat([past.flatten(1, 2), new.flatten(2).flatten(0, 1).expand(own.shape[0], -1, -1)], dim=2)


def _mean_and_each(
    attended: list[AttentionOutput], captions: int, length: int
) -> tuple[Float[Tensor, "B K T N"], Float[Tensor, "B K T L H N"] | None]:
    """The weights' mean over the layers, and those of each layer and head; one layer without heads has no more."""
    each = [layer.weights for layer in attended if layer.weights is not None]
    heads = [layer.heads for layer in attended if layer.heads is not None]
    weights = rearrange(torch.stack(each).mean(dim=0), "b (k t) n -> b k t n", k=captions, t=length)
    heads = heads or ([layer[:, :, None] for layer in each] if len(each) > 1 else [])
    if not heads:
        return weights, None
    return weights, rearrange(torch.stack(heads), "l b (k t) h n -> b k t l h n", k=captions, t=length)


def _sinusoidal_encoding(past: Int[Tensor, ""], now: int, like: Float[Tensor, "V E"]) -> Float[Tensor, "T E"]:
    """Sines and cosines of each token's position in its caption (3.5), all sines first; as exact as `like`."""
    dim = like.shape[1]
    position = (past + torch.arange(now, device=like.device))[:, None]
    angles = position / 10000 ** (torch.arange(0, dim, 2, device=like.device, dtype=like.dtype) / dim)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
