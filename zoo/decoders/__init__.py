"""Decoders: language models that attend to the image, word by word."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from zoo.registries import DECODERS
from zoo.types import DecoderOutput, Features, Memory, State

__all__ = ["DECODERS", "Decoder", "DecoderOutput", "Features", "Memory", "State"]


class Decoder(nn.Module, ABC):
    """A language model that reads the image through an `Attention`.

    A component is built as ``(vocab_size, feature_dim, attention, *, options)``, where
    `attention` is a Spec. Feeding a caption at once or a token at a time must give the
    same: training does the first, generation the second. `non_visual_source` names what it reads
    beside the image, where it or its attention does: what the weights lack to 1 is its share.
    """

    non_visual_source = ""

    @abstractmethod
    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """What depends on the image alone, and the state before any word.

        A memory is that of an attention, or whatever else the decoder keeps of an image, and
        of all its hypotheses together, as tensors (B, ...).

        The state has one hypothesis per image, (B, 1, ...).
        """

    @abstractmethod
    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """The hidden state that predicts the word after each token, and the state after the last.

        `state` has K hypotheses; memory has one per image, whatever K. A memory that has
        grown is in the output.
        """

    @abstractmethod
    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """Logits over the vocabulary; a method of its own, so that padding need not be scored."""
