"""Cross-entropy of each next word, given the ones before it (teacher forcing)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.features.cache import compute_features
from benchmarks.training.objectives.base import Loss, Objective
from zoo.captioner import Captioner
from zoo.decoding import Precision
from zoo.losses import TrainingOutput, auxiliary_losses, cross_entropy
from zoo.vocabulary import PAD


class CrossEntropy(Objective):
    """Mean cross-entropy per word, with label smoothing, plus the auxiliary losses of the model's parts.

    Auxiliary losses are minimised and not reported.
    """

    def __init__(self, *, label_smoothing: float, precision: Precision) -> None:
        self.label_smoothing, self.precision = label_smoothing, precision

    def loss(self, captioner: Captioner, rows: Tensor, captions: Tensor, grid: tuple[int, int] | None) -> Loss:
        """The loss per word of `captions`; no logits are computed for padding."""
        auxiliary = auxiliary_losses(captioner.decoder)
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            features = compute_features(captioner.backbone, rows, grid)
            output = captioner.teacher_force(features, captions[..., :-1], need_weights=bool(auxiliary))
            targets = captions[..., 1:]
            mask = targets != PAD
            logits = captioner.decoder.logits(output.hidden[mask]).float()
        total = words = cross_entropy(logits, targets[mask], self.label_smoothing)
        if auxiliary:
            log_probs = -F.cross_entropy(logits.detach(), targets[mask], reduction="none")
            training = TrainingOutput.of(output, mask, log_probs)
            total = total + torch.stack([each.auxiliary_loss(training) for each in auxiliary]).sum() / mask.sum()
        return Loss(total, words.detach())
