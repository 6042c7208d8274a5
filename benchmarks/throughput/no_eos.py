"""The whole of a search: captions that end only where they must."""

import torch

from zoo.decoders import Decoder
from zoo.types import DecoderOutput, Features, Memory, State
from zoo.vocabulary import END


class NoEosDecoder(Decoder):
    """A decoder that never ends a caption, so that a search takes every step whatever the model would say."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """As the decoder."""
        return self.decoder.init_state(features)

    def forward(
        self, tokens: torch.Tensor, memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """As the decoder."""
        output: DecoderOutput = self.decoder(tokens, memory, state, need_weights=need_weights)
        return output

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """As the decoder, with END masked."""
        scores = self.decoder.logits(hidden)
        scores[..., END] = torch.finfo(scores.dtype).min
        return scores
