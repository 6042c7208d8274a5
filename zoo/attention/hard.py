"""Stochastic "hard" attention (Xu et al., 2015, https://arxiv.org/abs/1502.03044, 4.1)."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from zoo.attention import ATTENTIONS, Attention, masked_softmax, scorer
from zoo.losses import AuxiliaryLoss, TrainingOutput
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("hard")
class Hard(Attention, AuxiliaryLoss):
    """Reads one place, sampled from the softmax of the scores; trained by REINFORCE.

    To the words' loss it adds -reinforce x (log p(words) - baseline) log p(places) -
    entropy x H(places), where the baseline is a moving average of log p(words). To lessen
    the variance some queries read the expected feature in training; the paper decides
    that per image, this per query.

    Options:
        score: the attention whose scores are used.
        evaluate: what is read outside of training, "expectation" the mean by the weights or
            "argmax" the likeliest place.
        soft: probability that a query reads the expectation in training.
        reinforce: weight of the REINFORCE term.
        entropy: weight of the entropy.
    """

    samples = True

    def __init__(
        self,
        query_dim: int,
        feature_dim: int,
        *,
        score: str = "bahdanau",
        evaluate: Literal["expectation", "argmax"] = "expectation",
        soft: float = 0.5,
        reinforce: float = 0.1,
        entropy: float = 0.002,
    ) -> None:
        super().__init__()
        if not 0 <= soft <= 1 or reinforce < 0 or entropy < 0:
            raise ValueError(
                "hard needs soft between 0 and 1, and no negative weights, "
                f"not soft={soft}, reinforce={reinforce}, entropy={entropy}"
            )
        self.scorer, self.context_dim = scorer(score, query_dim, feature_dim), feature_dim
        self.evaluate, self.soft, self.reinforce, self.entropy = evaluate, soft, reinforce, entropy
        self.baseline: Tensor
        self.register_buffer("baseline", torch.zeros(()))
        self.seen: Tensor  # log-likelihoods, summed up, and captions
        self.register_buffer("seen", torch.zeros(2), persistent=False)

    def precompute(self, features: Features) -> Memory:
        """The scorer's memory."""
        return self.scorer.precompute(features)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """One feature per query, or a mean of them; in training the weights are those that places are sampled by."""
        weights = masked_softmax(self.scorer.score(query, memory.keys), memory.mask)
        read, log_prob = weights, None
        if self.training:
            place = self.sample(weights)
            soft = torch.rand(place.shape, device=place.device) < self.soft
            read = torch.where(soft[..., None], weights, F.one_hot(place, weights.shape[-1]).to(weights.dtype))
            log_prob = weights.gather(-1, place[..., None]).squeeze(-1).log().masked_fill(soft, 0.0)
        elif self.evaluate == "argmax":
            weights = read = F.one_hot(weights.argmax(dim=-1), weights.shape[-1]).to(weights.dtype)
        context = read.to(memory.values.dtype) @ memory.values
        return AttentionOutput(context, weights if need_weights else None, log_prob)

    def sample(self, weights: Float[Tensor, "B M N"]) -> Int[Tensor, "B M"]:
        """One position per query, with the probability that is its weight.

        The exponential race, as in `zoo.generate.strategies.Sampling`: nothing waits for the device.
        """
        return (weights / torch.empty_like(weights).exponential_()).argmax(dim=-1)

    def auxiliary_loss(self, training: TrainingOutput) -> Float[Tensor, ""]:
        """The two terms of all captions."""
        output, target_mask, log_likelihood = training
        assert output.log_prob is not None
        assert output.weights is not None
        log_prob = (output.log_prob * target_mask).sum(dim=-1)
        reward = log_likelihood - self.baseline
        self.seen += torch.stack([log_likelihood.sum(), log_likelihood.new_full((), log_likelihood.numel())])
        entropy = -(output.weights * output.weights.clamp_min(torch.finfo(output.weights.dtype).tiny).log()).sum(dim=-1)
        return -self.reinforce * (reward * log_prob).sum() - self.entropy * (entropy * target_mask).sum()

    def statistics(self) -> list[Tensor]:
        """What the baseline learns from."""
        return [self.seen]

    def update(self) -> None:
        """Move the baseline."""
        mean = self.seen[0] / self.seen[1]
        self.baseline.lerp_(torch.where(mean.isfinite(), mean, self.baseline), 0.1)
        super().update()
