"""Captioners that decode as one: each next word has the mean of their probabilities.

As ensembles of captioners are commonly decoded: Vinyals et al., 2017, https://arxiv.org/abs/1609.06647.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, cast

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

T = TypeVar("T")


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
        seen: list[Captioner] = []
        sources = []
        for member in members:
            place = next((at for at, other in enumerate(seen) if see_the_same(member, other)), len(seen))
            seen += [member] * (place == len(seen))
            sources.append(place)
        self._backbones = nn.ModuleList(member.backbone for member in seen)
        self._backbone_specs = tuple(member.parts.backbone for member in seen)
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

    Memory and state are theirs, one decoder's behind the other's, and so are the hidden vectors, channel by channel.
    The weights are the mean of theirs where all attend to as many positions, else None.

    Args:
        decoders: of one vocabulary.
        sources: for each, which of `Features.each` it reads.
    """

    def __init__(self, decoders: Sequence[Decoder], sources: Sequence[int]) -> None:
        super().__init__()
        self.decoders, self.sources = nn.ModuleList(decoders), tuple(sources)
        named = (decoder.non_visual_source for decoder in decoders)
        self.non_visual_source = " or ".join(dict.fromkeys(filter(None, named)))
        # How many memories, state tensors and hidden channels each decoder has, which it shows when it is first used.
        self._memories: list[int] = []
        self._states: list[int] = []
        self._channels: list[int] = []

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """Each decoder's, from the features that it reads."""
        each = features.each or (features,)
        begun = [decoder.init_state(each[at]) for decoder, at in zip(self._each, self.sources, strict=True)]
        self._memories = [len(memory) for memory, _ in begun]
        self._states = [len(state) for _, state in begun]
        return _chained(memory for memory, _ in begun), _chained(state for _, state in begun)

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """The same step of each."""
        memories, states = _split(memory, self._memories), _split(state, self._states)
        outputs: list[DecoderOutput] = [
            decoder(tokens, own, begun, need_weights=need_weights)
            for decoder, own, begun in zip(self._each, memories, states, strict=True)
        ]
        self._channels = [output.hidden.shape[-1] for output in outputs]
        memories = _split(memory, self._memories)
        return DecoderOutput(
            torch.cat([output.hidden for output in outputs], dim=-1),
            _mean([output.weights for output in outputs]),
            _chained(output.state for output in outputs),
            memory=_chained(output.memory or own for output, own in zip(outputs, memories, strict=True)),
        )

    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """The logarithm of the mean probability of each word."""
        each = zip(self._each, hidden.split(self._channels, dim=-1), strict=True)
        log_probs = torch.stack([decoder.logits(own).float().log_softmax(dim=-1) for decoder, own in each])
        return log_probs.logsumexp(dim=0) - math.log(len(log_probs))

    @property
    def _each(self) -> Iterable[Decoder]:
        return cast(Iterable[Decoder], self.decoders)


def see_the_same(one: Captioner, other: Captioner) -> bool:
    """Whether the backbones of two captioners have the same Spec and weights, so the same features of an image."""
    if one.backbone is other.backbone:
        return True
    if without_paths(one.parts.backbone) != without_paths(other.parts.backbone):  # a saved one has no folders
        return False
    own, theirs = one.backbone.state_dict(), other.backbone.state_dict()
    return own.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in own.items())


def _name(member: Captioner) -> str:
    return member.source or str(member.parts)


def _chained(each: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(item for items in each for item in items)


def _split(items: Sequence[T], counts: Sequence[int]) -> Iterator[tuple[T, ...]]:
    left = iter(items)
    return (tuple(islice(left, count)) for count in counts)


def _mean(each: Sequence[Tensor | None]) -> Tensor | None:
    known = [weights for weights in each if weights is not None]
    alike = len(known) == len(each) and len({weights.shape for weights in known}) == 1
    return torch.stack([weights.float() for weights in known]).mean(dim=0) if alike else None
