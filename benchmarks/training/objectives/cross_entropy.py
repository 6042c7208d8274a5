"""Cross-entropy of each next word, given the ones before it (teacher forcing)."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Batch, Loss, Mean, Objective, TeacherForced
from benchmarks.training.sampling import forbid_marks
from zoo.captioner import Captioner
from zoo.losses import cross_entropy
from zoo.types import Features
from zoo.vocabulary import PAD, UNKNOWN


@OBJECTIVES.register("cross_entropy")
class CrossEntropy(Objective):
    """Cross-entropy of each word, with the `label_smoothing` of the training settings.

    Auxiliary losses of the model's parts are minimised and not reported.

    Options:
        scheduled_sampling: probability, at the end of training, that a word which the decoder reads is one
            that it sampled itself; it rises from 0 in a line (Bengio et al., 2015, https://arxiv.org/abs/1506.03099).
            Words are sampled after a first pass over the captions (Mihaylova and Martins, 2019,
            https://arxiv.org/abs/1906.07651), so it goes with every decoder, and takes half a step more.
        word_dropout: probability that a word which the decoder reads is replaced by the one for unknown
            words, so that it relies less on the words before (Bowman et al., 2016, section 3.1,
            https://arxiv.org/abs/1511.06349). Drawn for each word of each step, from the first one on.
    """

    def __init__(
        self,
        captioner: Captioner,
        training: Training,
        references: Mapping[int, Sequence[str]],
        *,
        scheduled_sampling: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(captioner, training)
        for name, share in (("scheduled_sampling", scheduled_sampling), ("word_dropout", word_dropout)):
            if not 0 <= share <= 1:
                raise ValueError(f"cross_entropy({name}={share}) should lie between 0 and 1")
        self.label_smoothing, self.word_dropout = training.label_smoothing, word_dropout
        self.scheduled_sampling = scheduled_sampling

    def forward(self, batch: Batch) -> Loss:
        """The sum over the words of the captions; no logits are computed for padding."""
        assert batch.rows is not None
        with self.autocast(batch.rows.device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            forced = TeacherForced.of(self.captioner, features, batch, self._inputs(features, batch))
        loss = cross_entropy(forced.logits, forced.targets, self.label_smoothing)
        count = loss.new_full((), len(forced.targets))
        return Loss(loss + forced.auxiliary_loss(), count, {"loss": Mean(loss.detach(), count)})

    def _inputs(self, features: Features, batch: Batch) -> Int[Tensor, "B K T"]:
        """What the decoder reads: the captions, perhaps with words of its own among theirs, and without some."""
        tokens = batch.captions[..., :-1]
        if share := self.scheduled_sampling * batch.progress:
            tokens = self._with_own_words(features, tokens, share)
        if self.word_dropout:
            dropped = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(dropped & (tokens > UNKNOWN), UNKNOWN)  # words have the ids behind it
        return tokens

    def _with_own_words(self, features: Features, tokens: Int[Tensor, "B K T"], share: float) -> Int[Tensor, "B K T"]:
        """The captions, in which each word is one that the decoder sampled with a probability of `share`."""
        with torch.no_grad():
            logits = self.captioner.decoder.logits(self.captioner.teacher_force(features, tokens).hidden).float()
            forbid_marks(logits)
            # An exponential race, as in searches: `torch.multinomial` waits for the device.
            sampled = (logits.softmax(dim=-1) / torch.empty_like(logits).exponential_()).argmax(dim=-1)
            own = F.pad(sampled[..., :-1], (1, 0))  # what was sampled after a word is read in the place of the next
            keep = torch.rand(tokens.shape, device=tokens.device) >= share
            keep[..., 0] = True  # START
            return torch.where(keep | (tokens == PAD), tokens, own)
