"""Which words come next: the likeliest captions of a search, or sampled words."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from zoo.decoding import Decoding


class Unfinished(NamedTuple):
    """What of a step goes on: rows of the batch, and the most unfinished captions that a group of them has."""

    images: list[int]
    width: int


class Candidates(NamedTuple):
    """Candidates for the next captions: what each adds to which hypothesis, and its log-likelihood.

    It is -inf where there is no such caption.
    """

    totals: Float[Tensor, "B G C"]
    parents: Int[Tensor, "B G C"]  # out of the K hypotheses
    words: Int[Tensor, "B G C"]
    free_beams: Int[Tensor, "B G"]  # beams that no caption has given up

    def unfinished(self, to_beat: Float[Tensor, "B"], per_length: float) -> Unfinished:
        """What can still beat an image's best caption, were it to end without losing more.

        The one place of a step where the processor waits for the device.
        """
        can_win = self.totals.amax(dim=(1, 2)) * per_length > to_beat
        count = self.totals.isfinite().sum(dim=2).amax(dim=1) * can_win
        counts: list[int] = count.tolist()
        return Unfinished([row for row, captions in enumerate(counts) if captions], max(counts))


class DecodingStrategy(ABC):
    """How the next captions are chosen: in `groups` of `width` beams, of which `alive` differ from the start."""

    groups: int
    width: int
    alive: int

    @abstractmethod
    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Candidates:
        """The candidates, `free_beams` at most in each group; scores are those of the next words."""


@dataclass(frozen=True)
class BeamSearch(DecodingStrategy):
    """The likeliest captions, group after group (Vijayakumar et al., 2018, https://arxiv.org/abs/1610.02424, 3.2).

    A word loses `diversity_penalty` for each candidate of an earlier group that takes it in the same
    step (Hamming). That decides which are chosen; totals stay log-likelihoods. One group is plain
    beam search.
    """

    groups: int
    width: int
    diversity_penalty: float
    alive: int = 1  # all beams begin alike, so one stands for them

    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Candidates:
        """The first of each group by log-likelihood, less what others' words cost."""
        penalised, each = scores if self.groups == 1 else scores.clone(), []
        for group in range(self.groups):
            next_, token_ids = penalised[:, group].topk(
                min(self.width, penalised.shape[3])
            )  # no more can go on from one
            ranked = (totals[:, group, :, None] + next_).flatten(1)
            found, places = ranked.topk(min(self.width, ranked.shape[1]))
            parents, words = places // next_.shape[2], token_ids.flatten(1).gather(1, places)
            ranks = torch.arange(found.shape[1], device=found.device)
            unfinished = found.isfinite() & (ranks < free_beams[:, group, None])
            own = totals[:, group].gather(1, parents) + scores[:, group].flatten(1).gather(
                1, parents * scores.shape[3] + words
            )
            each.append((own.where(unfinished, -torch.inf), parents + group * scores.shape[2], words))
            _penalise(penalised[:, group + 1 :], words, self.diversity_penalty * unfinished)
        found, parents, words = (torch.stack(parts, dim=1) for parts in zip(*each, strict=True))
        return Candidates(found, parents, words, free_beams)


@dataclass(frozen=True)
class Sampling(DecodingStrategy):
    """Words sampled by their probability to the power 1 / `temperature`, among those that the filters leave."""

    temperature: float
    filters: tuple["partial[Tensor]", ...]
    generator: torch.Generator
    width: int
    alive: int
    groups: int = 1

    @classmethod
    def of(cls, decoding: Decoding, device: torch.device) -> "Sampling":
        """As `decoding` asks: first the `top_k` likeliest (Fan et al., 2018), then of these the nucleus `top_p`."""
        filters = [partial(top_k, count=decoding.top_k)] if decoding.top_k else []
        filters += [partial(top_p, p=decoding.top_p)] if decoding.top_p < 1 else []
        generator = torch.Generator(device).manual_seed(decoding.seed % 2**64)
        return cls(decoding.temperature, tuple(filters), generator, width=decoding.num_beams, alive=decoding.num_beams)

    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Candidates:
        """One word for each hypothesis, which therefore needs one beam.

        The exponential race: the word whose probability over exponential noise is largest is a
        sample of the distribution, and the processor waits for nothing.
        """
        probs = (scores / self.temperature).softmax(dim=-1)
        for keep in self.filters:
            probs = keep(probs)
        noise = torch.empty_like(probs).exponential_(generator=self.generator)  # above 0
        words = (probs / noise).argmax(dim=-1)
        parents = torch.arange(totals.shape[2], device=totals.device).expand(totals.shape)
        return Candidates(totals + scores.gather(3, words[..., None])[..., 0], parents, words, free_beams)


def top_k(probs: Float[Tensor, "*rows V"], count: int) -> Float[Tensor, "*rows V"]:
    """The `count` largest probabilities, and 0 for all others (Fan et al., 2018, https://arxiv.org/abs/1805.04833)."""
    largest = probs.topk(min(count, probs.shape[-1]))
    return torch.zeros_like(probs).scatter_(-1, largest.indices, largest.values)


def top_p(probs: Float[Tensor, "*rows V"], p: float) -> Float[Tensor, "*rows V"]:
    """The nucleus: the fewest words whose probabilities add up to `p` (Holtzman et al., 2020, https://arxiv.org/abs/1904.09751)."""
    largest, places = probs.sort(dim=-1, descending=True)
    before = largest.cumsum(dim=-1) - largest
    return torch.zeros_like(probs).scatter_(
        -1, places, largest.masked_fill(before >= p * largest.sum(dim=-1, keepdim=True), 0)
    )


def _penalise(
    penalised: Float[Tensor, "B later W V"], words: Int[Tensor, "B C"], penalty: Float[Tensor, "B C"]
) -> None:
    """Take `penalty` from each of the words in every later group, in place."""
    shape = (*penalised.shape[:3], -1)
    where, what = (rearrange(each, "b c -> b 1 1 c").expand(shape) for each in (words, -penalty))
    penalised.scatter_add_(3, where, what.to(penalised.dtype))
