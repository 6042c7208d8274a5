"""Focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002): words that are likely already count for less."""

from torch.nn import functional as F

from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Loss, Mean, Objective, TeacherForced


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
        with self.autocast(batch.rows.device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            forced = TeacherForced.of(self.captioner, features, batch)
        each = F.cross_entropy(forced.logits, forced.targets, reduction="none")  # -log p
        loss = ((1 - (-each).exp()) ** self.gamma * each).sum()
        count = loss.new_full((), len(each))
        return Loss(loss + forced.auxiliary_loss(), count, {"loss": Mean(loss.detach(), count)})
