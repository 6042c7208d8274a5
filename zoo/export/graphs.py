"""A captioner as two functions of tensors alone, which is what can be traced: the image, and one more word."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from zoo.captioner import Captioner
from zoo.decoders import Decoder
from zoo.types import Memory, State
from zoo.vocabulary import START


class Encoder(nn.Module):
    """Pixels in; out comes all that the decoder keeps of the image, and the state before any word."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.backbone, self.decoder = captioner.backbone, captioner.decoder

    def forward(self, pixels: UInt8[Tensor, "B 3 H W"]) -> tuple[tuple[Tensor, ...], State]:
        """The tensors of the memories, and the state, (B, 1, ...)."""
        features = self.backbone(self.backbone.preprocess.normalize(pixels))
        memory, state = self.decoder.init_state(features)
        return flat(memory), state


class DecoderStep(nn.Module):
    """One word in; out come the log-probabilities of the next one, the next state, and the memories that have grown.

    Args:
        decoder: what speaks.
        memory, state: what it begins with; of memories that are given as tensors later, the form is as here.
    """

    def __init__(self, decoder: Decoder, memory: tuple[Memory, ...], state: State) -> None:
        super().__init__()
        self.decoder = decoder
        self.forms = [(part.mask is not None, part.grid) for part in memory]
        first = torch.full((memory[0].keys.shape[0], 1, 1), START, device=memory[0].keys.device)
        pairs = zip(flat(memory), flat(decoder(first, memory, state).memory or memory), strict=True)
        self.grows = [place for place, (before, after) in enumerate(pairs) if before is not after]

    def forward(
        self, words: Int[Tensor, "B K"], memory: Sequence[Tensor], state: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "B K V"], State, tuple[Tensor, ...]]:
        """One step of K hypotheses per image."""
        rest = iter(memory)
        parts = tuple(
            Memory(next(rest), next(rest), next(rest) if masked else None, grid) for masked, grid in self.forms
        )
        output = self.decoder(words[..., None], parts, tuple(state))
        after = flat(output.memory or parts)
        log_probs = self.decoder.logits(output.hidden[:, :, 0]).float().log_softmax(dim=-1)
        return log_probs, output.state, tuple(after[place] for place in self.grows)

    def update_memory(self, memory: Sequence[Tensor], grown: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The memory with those of its tensors that have grown."""
        later = dict(zip(self.grows, grown, strict=True))
        return tuple(later.get(place, tensor) for place, tensor in enumerate(memory))


def flat(memory: Iterable[Memory]) -> tuple[Tensor, ...]:
    """Their tensors, one after another."""
    return tuple(tensor for part in memory for tensor in (part.keys, part.values, part.mask) if tensor is not None)
