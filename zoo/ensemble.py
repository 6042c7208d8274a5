"""Captioners that decode as one: each next word has the mean of their probabilities.

As ensembles of captioners are commonly decoded: Vinyals et al., 2017, https://arxiv.org/abs/1609.06647.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Spec
from zoo.backbones import Backbone
from zoo.caption_model import CaptionModel
from zoo.captioner import Captioner
from zoo.decoders import Decoder
from zoo.registries import without_paths
from zoo.types import DecoderOutput, Features, Memory, State


class Ensemble(CaptionModel):
    """Several trained captioners, the members, that write one caption.

    They may differ in every part; their vocabularies are the same. Members whose backbones have the same Spec and
    the same weights share one of them, so that it encodes once.

    Raises:
        ValueError: there is no member, or two have other vocabularies.
    """

    decoder: "EnsembleDecoder"

    def __init__(self, members: Sequence[Captioner]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble has no members: name at least one captioner")
        first, *others = members
        for other in others:
            if other.vocabulary.words != first.vocabulary.words:
                raise ValueError(
                    f"{_name(other)} has another vocabulary than {_name(first)}: "
                    "an ensemble takes models with the same words in the same order"
                )
        self.vocabulary = first.vocabulary
        self.parts = tuple(member.parts for member in members)
        distinct: list[Captioner] = []
        sources = []
        for member in members:
            place = next((at for at, other in enumerate(distinct) if same_backbone(member, other)), len(distinct))
            distinct += [member] * (place == len(distinct))
            sources.append(place)
        self._backbones = nn.ModuleList(member.backbone for member in distinct)
        self._backbone_specs = tuple(member.parts.backbone for member in distinct)
        self.decoder = EnsembleDecoder([member.decoder for member in members], sources)
        self.eval()

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """Those that differ, in the order in which members have them."""
        return tuple(cast(Iterable[Backbone], self._backbones))

    @backbones.setter
    def backbones(self, backbones: Sequence[Backbone]) -> None:
        self._backbones = nn.ModuleList(backbones)

    @property
    def backbone_specs(self) -> tuple[Spec, ...]:
        """Theirs, in the same order."""
        return self._backbone_specs

    @property
    def title(self) -> str:
        """How many members of which parts."""
        return f"ensemble of {len(self.parts)}: " + "; ".join(map(str, dict.fromkeys(self.parts)))

    @property
    def no_grid(self) -> str:
        """Why its maps cannot be drawn where its features lie on no grid."""
        return "the members of the ensemble attend to no common grid of places, so their mean map cannot be drawn"


class EnsembleDecoder(Decoder):
    """Decoders side by side, whose next word has the mean of their probabilities.

    Memory and state are theirs, one decoder's behind the other's. The hidden vectors are already the logarithms of the
    mean probabilities, (B, K, T, V), so the words after padding are scored too. The weights are the mean of theirs
    where all attend to as many positions, else None.

    Args:
        decoders: of one vocabulary.
        sources: for each, which of `Features.each` it reads.
    """

    def __init__(self, decoders: Sequence[Decoder], sources: Sequence[int]) -> None:
        super().__init__()
        self.decoders, self.sources = nn.ModuleList(decoders), tuple(sources)
        named = (decoder.non_visual_source for decoder in decoders)
        self.non_visual_source = " or ".join(dict.fromkeys(filter(None, named)))

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """Each decoder's, from the features that it reads."""
        each = features.each or (features,)
        parts = [decoder.init_state(each[at]) for decoder, at in zip(self._each, self.sources, strict=True)]
        return _concatenate(parts, features.tokens)

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """The same step of each."""
        outputs: list[DecoderOutput] = []
        parts, log_probs = [], []
        for decoder, (own_memory, own_state) in zip(self._each, _split(memory, state), strict=True):
            outputs.append(decoder(tokens, own_memory, own_state, need_weights=need_weights))
            parts.append((outputs[-1].memory or own_memory, outputs[-1].state))
            log_probs.append(decoder.logits(outputs[-1].hidden).float().log_softmax(dim=-1))
        memory, state = _concatenate(parts, tokens)
        mean = torch.stack(log_probs).logsumexp(dim=0) - math.log(len(log_probs))
        return DecoderOutput(mean, _mean([output.weights for output in outputs]), state, memory=memory)

    def logits(self, hidden: Float[Tensor, "*shape V"]) -> Float[Tensor, "*shape V"]:
        """The logarithm of the mean probability of each word, which the hidden vector is."""
        return hidden

    @property
    def _each(self) -> Iterable[Decoder]:
        return cast(Iterable[Decoder], self.decoders)


def same_backbone(one: Captioner, other: Captioner) -> bool:
    """Whether the backbones of two captioners have the same Spec and weights, so the same features of an image."""
    if one.backbone is other.backbone:
        return True
    if without_paths(one.parts.backbone) != without_paths(other.parts.backbone):  # a saved one has no folders
        return False
    own, theirs = one.backbone.state_dict(), other.backbone.state_dict()
    return own.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in own.items())


def _name(member: Captioner) -> str:
    return member.source or str(member.parts)


def _concatenate(parts: Iterable[tuple[tuple[Memory, ...], State]], rows: Tensor) -> tuple[tuple[Memory, ...], State]:
    """Memories and states of several decoders as those of one; `rows` is any tensor (B, ...) of the batch.

    Before the memories of each decoder comes an empty one, whose shape tells how many memories and state tensors are
    its: keys (B, memories, 0), values (B, states, 0).
    """
    memories: list[Memory] = []
    states: list[Tensor] = []
    for memory, state in parts:
        keys, values = (rows.new_empty(rows.shape[0], len(each), 0) for each in (memory, state))
        memories += [Memory(keys, values), *memory]
        states += state
    return tuple(memories), tuple(states)


def _split(memory: tuple[Memory, ...], state: State) -> Iterator[tuple[tuple[Memory, ...], State]]:
    """What `_concatenate` put together."""
    memories, states = iter(memory), iter(state)
    for counts in memories:
        yield tuple(islice(memories, counts.keys.shape[1])), tuple(islice(states, counts.values.shape[1]))


def _mean(each: Sequence[Tensor | None]) -> Tensor | None:
    known = [weights for weights in each if weights is not None]
    alike = len(known) == len(each) and len({weights.shape for weights in known}) == 1
    return torch.stack([weights.float() for weights in known]).mean(dim=0) if alike else None
