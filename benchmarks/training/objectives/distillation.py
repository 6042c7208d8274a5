"""Distillation, word by word: a model learns from the next-word probabilities of trained ones.

Hinton et al., 2015, https://arxiv.org/abs/1503.02531, section 2; for sequences Kim and Rush, 2016,
https://arxiv.org/abs/1606.07947, section 3.1.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.config import Training
from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Batch, Loss, Mean, Objective, TeacherForced
from benchmarks.training.teachers import teacher_of
from zoo.captioner import Captioner
from zoo.losses import cross_entropy
from zoo.types import Features, expand_state


@OBJECTIVES.register("distillation")
class Distillation(Objective):
    """Cross-entropy with a teacher's probabilities of each next word, mixed with that of the captions' own words.

    The loss is (1 - weight) x cross-entropy, with the `label_smoothing` of the training settings, + weight x
    temperature^2 x the cross-entropy of both models' probabilities to the power 1 / temperature. The teacher reads the
    captions as the student does, and the same features: the backbones are one, and frozen.

    Options:
        teacher: folder of the run to learn from, or of an ensemble's; records have its ID.
        weight: share of the loss that is the teacher's, 0 to 1.
        temperature: above 1 it makes both distributions flatter, so that unlikely words count more.
    """

    reports = ("loss", "distillation")
    teacher_option = "teacher"

    def __init__(
        self,
        captioner: Captioner,
        training: Training,
        references: Mapping[int, Sequence[str]],
        *,
        teacher: str,
        weight: float = 0.5,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(captioner, training)
        if not 0 <= weight <= 1 or not temperature > 0:
            raise ValueError(
                f"distillation(temperature={temperature}, weight={weight}): "
                "the weight lies between 0 and 1, and the temperature above 0"
            )
        self.label_smoothing, self.weight, self.temperature = training.label_smoothing, weight, temperature
        self._teacher = (teacher_of(captioner, teacher),)  # in a tuple, so that it is no part of what is trained

    def forward(self, batch: Batch) -> Loss:
        """The sum over the words of the captions; the student computes no logits for padding."""
        assert batch.rows is not None
        with self.autocast(batch.rows.device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            forced = TeacherForced.of(self.captioner, features, batch)
            probs = self._probabilities(features, batch).clone()  # no inference tensor, for autograd
        hard = cross_entropy(forced.logits, forced.targets, self.label_smoothing)
        soft = -(probs * (forced.logits / self.temperature).log_softmax(dim=1)).sum() * self.temperature**2
        loss = (1 - self.weight) * hard + self.weight * soft
        count = loss.new_full((), len(forced.targets))
        reported = {"loss": Mean(loss.detach(), count), "distillation": Mean(soft.detach(), count)}
        return Loss(loss + forced.auxiliary_loss(), count, reported)

    @torch.inference_mode()
    def _probabilities(self, features: Features, batch: Batch) -> Float[Tensor, "words V"]:
        """The teacher's, to the power 1 / temperature, of each next word that is no padding."""
        (teacher,), tokens = self._teacher, batch.captions[..., :-1]
        memory, state = teacher.init_state(features)
        hidden = teacher(tokens, memory, expand_state(state, tokens.shape[1])).hidden
        logits: Tensor = teacher.logits(hidden.flatten(0, 2).index_select(0, batch.word_index)).float()
        return (logits / self.temperature).softmax(dim=1)
