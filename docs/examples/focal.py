"""Focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002): words that are likely already count for less."""

from torch.nn import functional as F

from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Loss, Mean, Objective


@OBJECTIVES.register("focal")
class Focal(Objective):
    """-(1 - p)^gamma log p of each word.

    Options:
        gamma: how much less; 0 is cross-entropy.
    """

    def __init__(self, captioner, training, references, *, gamma: float = 2.0) -> None:
        super().__init__(captioner, training)
        self.gamma = gamma

    def forward(self, batch):
        """The sum over the words of the captions."""
        decoder = self.captioner.decoder
        with self.autocast(batch.rows.device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            hidden = self.captioner.teacher_force(features, batch.captions[..., :-1]).hidden
            logits = decoder.logits(hidden.flatten(0, 2).index_select(0, batch.word_index)).float()
        words = batch.captions[..., 1:].flatten().index_select(0, batch.word_index)
        each = F.cross_entropy(logits, words, reduction="none")  # -log p
        total = ((1 - (-each).exp()) ** self.gamma * each).sum()
        count = total.new_full((), len(words))
        return Loss(total, count, {"loss": Mean(total.detach(), count)})
