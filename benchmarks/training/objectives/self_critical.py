"""Self-critical sequence training (Rennie et al., 2017, https://arxiv.org/abs/1612.00563): REINFORCE on CIDEr-D."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.features.cache import compute_features
from benchmarks.training.objectives import OBJECTIVES, Batch, Loss, Mean, Objective, TeacherForced
from benchmarks.training.reward import Reward
from benchmarks.training.sampling import forbid_marks, greedy, sample
from registry import AtLeast, Size
from zoo.captioner import Captioner
from zoo.types import Features
from zoo.vocabulary import PAD, START


@OBJECTIVES.register("self_critical")
class SelfCritical(Objective):
    """Captions that the model samples become likelier by how much better they are than a baseline.

    The loss is -(reward - baseline) log p(caption). The reward is CIDEr-D against the training
    captions, with the end of a caption as a word of it (STANDARD of SacreEOS, Hu et al., 2023,
    https://arxiv.org/abs/2305.12254). Captions are sampled in evaluation and scored again under
    teacher forcing for the gradient. Start from a trained model: `start_from`. `label_smoothing`
    is not used.

    Options:
        samples: captions sampled of each image.
        baseline: the mean reward of an image's other samples ("leave_one_out", Luo, 2020,
            https://arxiv.org/abs/2003.09971), or the reward of its greedy caption ("greedy").
        bleu: weight of BLEU-4, 0 to 1, beside that of CIDEr-D, 0 to 10.
    """

    reports = ("loss", "reward")

    def __init__(
        self,
        captioner: Captioner,
        training: Training,
        references: Mapping[int, Sequence[str]],
        *,
        samples: Size = 5,
        baseline: Literal["leave_one_out", "greedy"] = "leave_one_out",
        bleu: Annotated[float, AtLeast(0)] = 0.0,
    ) -> None:
        super().__init__(captioner, training)
        if baseline == "leave_one_out" and samples < 2:
            raise ValueError(f"self_critical(samples={samples}) leaves nothing to compare with: take 2, or 'greedy'")
        self.captions_per_image, self.baseline, self.max_length = samples, baseline, training.max_words
        kind = "average" if baseline == "leave_one_out" else "greedy"  # of the others, of so many samples per image
        mixed = f"+{bleu:g}xBLEU-4" if bleu else ""
        self.signature = f"STANDARD_wInit+Cider-D[n4,s6.0]{mixed}+{kind}[nspi{samples}]"
        self.reward = Reward(captioner.vocabulary, references, bleu=bleu)

    def forward(self, batch: Batch) -> Loss:
        """The sum over the words of the samples."""
        assert batch.rows is not None
        device = batch.rows.device
        with self.autocast(device):
            features = compute_features(self.captioner.backbone, batch.rows, batch.grid)
            captions, rewards, advantages = self._sampled(batch, features)
            sampled = Batch.of(batch.images, F.pad(captions, (1, 0), value=START)).to(device)
            forced = TeacherForced.of(self.captioner, features, sampled)
        forbid_marks(forced.logits)
        log_probs = forced.logits.log_softmax(dim=-1).gather(1, forced.targets[:, None])[:, 0]
        weights = advantages.to(device, non_blocking=True)[..., None].expand(sampled.captions[..., 1:].shape)
        loss = -(weights.flatten().index_select(0, sampled.word_index) * log_probs).sum()
        count = loss.new_full((), len(forced.targets))
        reward = Mean(loss.new_full((), float(rewards.sum())), loss.new_full((), rewards.numel()))
        return Loss(loss + forced.auxiliary_loss(), count, {"loss": Mean(loss.detach(), count), "reward": reward})

    def _sampled(
        self, batch: Batch, features: Features
    ) -> tuple[Int[Tensor, "B K T"], Float[Tensor, "B K"], Float[Tensor, "B K"]]:
        """Captions up to END, their rewards, and by how much these are better than the baseline; on the processor.

        The one place of a step, beside the search, where the processor waits for the device.
        """
        decoder = self.captioner.decoder
        captions, rewards = self._rewarded(batch, sample(decoder, features, self.captions_per_image, self.max_length))
        if self.baseline == "greedy":
            return captions, rewards, rewards - self._rewarded(batch, greedy(decoder, features, self.max_length))[1]
        others = (rewards.sum(dim=1, keepdim=True) - rewards) / (self.captions_per_image - 1)
        return captions, rewards, rewards - others

    def _rewarded(self, batch: Batch, found: Int[Tensor, "B K L"]) -> tuple[Int[Tensor, "B K T"], Float[Tensor, "B K"]]:
        # An END behind the greatest length was forced: it is no word that the model chose.
        captions = found[..., : self.max_length].cpu()
        captions = captions[..., : max(1, int((captions != PAD).sum(dim=-1).max()))]
        words = [[[token for token in each if token != PAD] for each in image] for image in captions.tolist()]
        return captions, torch.from_numpy(self.reward(batch.images, words)).float()
