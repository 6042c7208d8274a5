"""Distillation, caption by caption (Kim and Rush, 2016, https://arxiv.org/abs/1606.07947, section 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Batch, Loss, Objective
from benchmarks.training.objectives.cross_entropy import CrossEntropy
from benchmarks.training.teachers import teacher_of
from registry import Size
from zoo.captioner import Captioner
from zoo.generate import n_best
from zoo.vocabulary import PAD, START


@OBJECTIVES.register("sequence_distillation")
class SequenceDistillation(Objective):
    """Cross-entropy of each word of the captions, and of captions that a teacher writes of the same images.

    The teacher searches anew in each step, since an image may be seen mirrored; that takes longer than the
    step. It reads the same features: the backbones are one, and frozen.

    Options:
        teacher: folder of the run to learn from, or of an ensemble's; records have its ID.
        captions: captions of each image that the teacher adds, the best that its beams find.
        num_beams: width of its search.
    """

    teacher_option = "teacher"

    def __init__(
        self,
        captioner: Captioner,
        training: Training,
        references: Mapping[int, Sequence[str]],
        *,
        teacher: str,
        captions: Size = 1,
        num_beams: Size = 5,
    ) -> None:
        super().__init__(captioner, training)
        if captions > num_beams:
            raise ValueError(
                f"sequence_distillation(captions={captions}, num_beams={num_beams}): there have to be as many beams"
            )
        self.captions, self.num_beams, self.max_length = captions, num_beams, training.max_words
        self.captions_per_image = training.captions_per_image + captions
        self.cross_entropy = CrossEntropy(captioner, training, references)
        self._teacher = (teacher_of(captioner, teacher),)  # in a tuple, so that it is no part of what is trained

    def forward(self, batch: Batch) -> Loss:
        """The sum over the words of both."""
        assert batch.rows is not None
        (teacher,), settings = self._teacher, {"num_beams": self.num_beams, "max_length": self.max_length}
        with self.autocast(batch.rows.device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            found = n_best(teacher, features, self.captions, **settings)
        # An END behind the greatest length was forced, and captions that are cut have none.
        found = found[..., : self.max_length].cpu()
        found = found[..., : max(1, int((found != PAD).sum(dim=-1).max()))]
        each = batch.captions.cpu(), F.pad(found, (1, 0), value=START)
        longest = max(captions.shape[2] for captions in each)
        captions = torch.cat([F.pad(ids, (0, longest - ids.shape[2]), value=PAD) for ids in each], dim=1)
        mixed = Batch.of(batch.images, captions, batch.views, rows=batch.rows, grid=batch.grid)
        loss: Loss = self.cross_entropy(replace(mixed, progress=batch.progress).to(batch.rows.device))
        return loss
