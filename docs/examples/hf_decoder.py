"""A decoder of Hugging Face transformers with cross-attention: pip install 'transformers>=5,<6'."""

from collections.abc import Iterable
from inspect import signature
from types import ModuleType
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Size, Spec
from zoo.decoders import DECODERS, Decoder, DecoderOutput, Features, Memory, State
from zoo.registries import ATTENTIONS
from zoo.vocabulary import END, PAD, START

OUTPUT_LAYERS = {"gpt2": "lm_head", "bert": "cls"}
DROPOUTS = {
    "gpt2": ("embd_pdrop", "resid_pdrop", "attn_pdrop"),
    "bert": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
}


@DECODERS.register("hf_decoder")
class HFDecoder(Decoder):
    """GPT-2 or BERT with cross-attention, by Hugging Face transformers, from random weights.

    It is built and initialised as in transformers' VisionEncoderDecoderModel: a linear layer brings features
    to the decoder's width where theirs is another, and the words' own vectors are the output layer. It
    attends by its own multi-head attention, so it takes `multihead` alone. The weights are the mean
    over layers and heads; those of each come beside them.

    Options:
        model: which of the two.
        dim: width of the words; the feed-forward network is four times as wide.
        num_layers: how many layers.
        num_heads: of each attention, that to the words too; None is the num_heads of `multihead`, or 8.
        dropout: dropout probability of words, attention weights and each sub-layer's output.

    Raises:
        ValueError: transformers is not installed, the attention is not `multihead`, its num_heads is another than the
            decoder's, or num_heads does not divide `dim`.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_dim: int,
        attention: str | Spec,
        *,
        model: Literal["gpt2", "bert"] = "gpt2",
        dim: Size = 512,
        num_layers: Size = 3,
        num_heads: Size | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        library = _transformers()
        config = library.AutoConfig.for_model(
            model,
            vocab_size=vocab_size,
            hidden_size=dim,
            num_hidden_layers=num_layers,
            num_attention_heads=_num_heads(ATTENTIONS.check(attention), num_heads, dim),
            is_decoder=True,
            add_cross_attention=True,
            bos_token_id=START,
            eos_token_id=END,
            **dict.fromkeys(DROPOUTS[model], dropout),
            # These are GPT-2's own defaults; it has no use for PAD, and would look for it in each batch.
            **({"intermediate_size": 4 * dim, "pad_token_id": PAD} if model == "bert" else {}),
        )
        causal_lm = library.AutoModelForCausalLM.from_config(config)
        self.layers, self.output_layer = causal_lm.base_model, getattr(causal_lm, OUTPUT_LAYERS[model])
        renamed = "cache" in signature(self.layers.forward).parameters  # in transformers 5.24
        self.cache_argument = "cache" if renamed else "past_key_values"
        self.enc_to_dec_proj = nn.Identity() if feature_dim == dim else nn.Linear(feature_dim, dim)
        if feature_dim != dim:
            nn.init.normal_(self.enc_to_dec_proj.weight, std=config.initializer_range)
            nn.init.zeros_(self.enc_to_dec_proj.bias)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """Each layer's keys and values of the image, (B, H, N, C), and those of no words yet, (B, 1, H, 0, C)."""
        tokens, cache = self.enc_to_dec_proj(features.tokens), _cache([], [])
        start = torch.full((tokens.shape[0], 1), START, device=tokens.device)
        self._run(start, tokens, features.mask, cache, need_weights=False)  # for what it caches of the image
        memory = [Memory(layer.keys, layer.values, features.mask) for layer in cache.cross_attention_cache.layers]
        return tuple(memory), tuple(part[:, None, :, :0] for layer in memory for part in layer[:2])

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """All tokens at once, causal within each caption; to transformers each caption is a row of the batch."""
        images, captions = tokens.shape[:2]

        def rows(tensor: Tensor) -> Tensor:
            return tensor[:, None].expand(-1, captions, *tensor.shape[1:]).flatten(0, 1)

        image = [(rows(layer.keys), rows(layer.values)) for layer in memory]
        words = [part.flatten(0, 1) for part in state]
        cache = _cache(list(zip(words[::2], words[1::2], strict=True)), image)
        mask = None if memory[0].mask is None else rows(memory[0].mask)
        # The keys stand in for the encoder's states: where keys are cached, only the number of states is read.
        output = self._run(tokens.flatten(0, 1), image[0][0][:, 0], mask, cache, need_weights=need_weights)
        new_state = (part for layer in cache.self_attention_cache.layers for part in (layer.keys, layer.values))
        state = tuple(part.unflatten(0, (images, captions)) for part in new_state)
        hidden = output.last_hidden_state.unflatten(0, (images, captions))
        if not need_weights:
            return DecoderOutput(hidden, None, state)
        heads = rearrange(torch.stack(output.cross_attentions), "l (b k) h t n -> b k t l h n", b=images)
        return DecoderOutput(hidden, heads.mean(dim=(3, 4)), state, heads=heads)

    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """GPT-2 multiplies by the words' vectors; BERT has a layer before that, and biases."""
        return self.output_layer(hidden)

    def _run(
        self, tokens: Int[Tensor, "R T"], image: Tensor, mask: Tensor | None, cache: Any, *, need_weights: bool
    ) -> Any:
        self.layers.set_attn_implementation("eager" if need_weights else "sdpa")  # the latter has no weights to show
        return self.layers(
            tokens,
            encoder_hidden_states=image,
            encoder_attention_mask=mask,
            output_attentions=need_weights,
            use_cache=True,
            **{self.cache_argument: cache},
        )


def _cache(words: Iterable[tuple[Tensor, Tensor]], image: Iterable[tuple[Tensor, Tensor]]) -> Any:
    """A cache of transformers, which calls append to, with each layer's keys and values in it."""
    library = _transformers()
    caches = [library.DynamicCache(), library.DynamicCache()]
    for cache, layers in zip(caches, (words, image), strict=True):
        for layer, (keys, values) in enumerate(layers):
            cache.update(keys, values, layer)
    return library.EncoderDecoderCache(*caches)


def _num_heads(attention: Spec, num_heads: int | None, dim: int) -> int:
    if attention.name != "multihead":
        raise ValueError(f"hf_decoder has a multi-head attention of its own: take multihead, not {attention}")
    heads = attention.options.get("num_heads", num_heads or 8)
    if num_heads not in (None, heads):
        raise ValueError(f"hf_decoder(num_heads={num_heads}) has one num_heads for all: {attention} has another")
    if dim % heads:
        raise ValueError(f"hf_decoder(dim={dim}): num_heads={heads} does not divide it")
    return heads


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise ValueError(f"hf_decoder needs transformers ({error}): pip install 'transformers>=5,<6'") from error
    return transformers
