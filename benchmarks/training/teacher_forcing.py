"""One pass over captions under teacher forcing, as every objective needs it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from benchmarks.training.batches import Batch
from zoo.captioner import Captioner
from zoo.losses import AuxiliaryLoss, TrainingOutput, auxiliary_losses
from zoo.types import DecoderOutput, Features
from zoo.vocabulary import PAD


@dataclass(frozen=True, eq=False)
class TeacherForced:
    """The logits of the captions' words, in float32; of padding none are computed.

    targets: the words, END among them, in the order of the captions; output: the decoder's, of padding too.
    """

    logits: Float[Tensor, "words V"]
    targets: Int[Tensor, "words"]
    output: DecoderOutput
    batch: Batch
    auxiliary: tuple[AuxiliaryLoss, ...]

    @classmethod
    def of(
        cls, captioner: Captioner, features: Features, batch: Batch, tokens: Int[Tensor, "B K T"] | None = None
    ) -> "TeacherForced":
        """Of the captions of `batch`; the decoder reads `tokens` where they are given, and else the captions."""
        auxiliary = tuple(auxiliary_losses(captioner.decoder))
        tokens = batch.captions[..., :-1] if tokens is None else tokens
        output = captioner.teacher_force(features, tokens, need_weights=bool(auxiliary))
        logits = captioner.decoder.logits(output.hidden.flatten(0, 2).index_select(0, batch.word_index)).float()
        targets = batch.captions[..., 1:].flatten().index_select(0, batch.word_index)
        return cls(logits, targets, output, batch, auxiliary)

    def auxiliary_loss(self) -> Float[Tensor, ""]:
        """The sum of what the parts of the decoder add to the loss, by `logits` as they are now; 0 where none does."""
        if not self.auxiliary:
            return self.logits.new_zeros(())
        log_probs = -F.cross_entropy(self.logits.detach(), self.targets, reduction="none")
        target_mask = self.batch.captions[..., 1:] != PAD
        training = TrainingOutput.of(self.output, target_mask, self.batch.word_index, log_probs)
        return torch.stack([each.auxiliary_loss(training) for each in self.auxiliary]).sum()
