"""A captioner as two functions of tensors alone, which is what can be traced: the image, and one more word."""

from collections.abc import Iterable, Sequence

from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from zoo.captioner import Captioner
from zoo.decoders import Decoder
from zoo.types import Memory, State


class Encoder(nn.Module):
    """Pixels in; out comes all that the decoder keeps of the image, and the state before any word."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.backbone, self.decoder = captioner.backbone, captioner.decoder

    def forward(self, pixels: UInt8[Tensor, "B 3 H W"]) -> tuple[tuple[Tensor, ...], State]:
        """The tensors of the memories, and the state, (B, 1, ...)."""
        features = self.backbone(self.backbone.preparation.normalise(pixels))
        memory, state = self.decoder.begin(features)
        return flat(memory), state


class Step(nn.Module):
    """One word in; out come the log-probabilities of the next one, and the next state.

    Args:
        decoder: what speaks.
        like: memories of the same form as those that will be given as tensors.
    """

    def __init__(self, decoder: Decoder, like: Sequence[Memory]) -> None:
        super().__init__()
        self.decoder = decoder
        self.forms = [(part.mask is not None, part.grid) for part in like]

    def forward(
        self, words: Int[Tensor, "B K"], memory: Sequence[Tensor], state: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "B K V"], State]:
        """One step of K hypotheses per image."""
        rest = iter(memory)
        parts = tuple(
            Memory(next(rest), next(rest), next(rest) if masked else None, grid) for masked, grid in self.forms
        )
        output = self.decoder(words[..., None], parts, tuple(state))
        return self.decoder.logits(output.hidden[:, :, 0]).float().log_softmax(dim=-1), output.state


def flat(memory: Iterable[Memory]) -> tuple[Tensor, ...]:
    """Their tensors, one after another."""
    return tuple(tensor for part in memory for tensor in (part.keys, part.values, part.mask) if tensor is not None)
