"""Which words come next: the likeliest captions of a search, or words that are drawn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from zoo.decoding import Decoding


class Open(NamedTuple):
    """What of a step goes on: rows of the batch, and the most open captions that a group of them has."""

    images: list[int]
    width: int


class Chosen(NamedTuple):
    """Candidates for the next captions: what each adds to which hypothesis, and its log-likelihood.

    It is -inf where there is no such caption.
    """

    totals: Float[Tensor, "B G C"]
    parents: Int[Tensor, "B G C"]  # out of the K hypotheses
    words: Int[Tensor, "B G C"]
    free_beams: Int[Tensor, "B G"]  # beams that no caption has given up

    def open(self, to_beat: Float[Tensor, "B"], per_length: float) -> Open:
        """What can still beat an image's best caption, were it to end without losing more.

        The one place of a step where the processor waits for the device.
        """
        can_win = self.totals.amax(dim=(1, 2)) * per_length > to_beat
        count = self.totals.isfinite().sum(dim=2).amax(dim=1) * can_win
        counts: list[int] = count.tolist()
        return Open([row for row, captions in enumerate(counts) if captions], max(counts))


class DecodingStrategy(ABC):
    """How the next captions are chosen: in `groups` of `width`, of which `alive` are told apart from the start."""

    groups: int
    width: int
    alive: int

    @abstractmethod
    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Chosen:
        """The candidates, `free_beams` at most in each group; scores are those of the next words."""


@dataclass(frozen=True)
class BeamSearch(DecodingStrategy):
    """The likeliest captions, group after group (Vijayakumar et al., 2018, https://arxiv.org/abs/1610.02424, 3.2).

    A word loses `diversity` for each candidate of an earlier group that takes it in the same
    step (Hamming). That decides who is chosen; totals stay log-likelihoods. One group is plain
    beam search.
    """

    groups: int
    width: int
    diversity: float
    alive: int = 1  # all beams begin alike, so one stands for them

    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Chosen:
        """The first of each group by log-likelihood, less what others' words cost."""
        penalised, each = scores if self.groups == 1 else scores.clone(), []
        for group in range(self.groups):
            next_, known = penalised[:, group].topk(min(self.width, penalised.shape[3]))  # no more can go on from one
            ranked = (totals[:, group, :, None] + next_).flatten(1)
            found, places = ranked.topk(min(self.width, ranked.shape[1]))
            parents, words = places // next_.shape[2], known.flatten(1).gather(1, places)
            ranks = torch.arange(found.shape[1], device=found.device)
            open_ = found.isfinite() & (ranks < free_beams[:, group, None])
            own = totals[:, group].gather(1, parents) + scores[:, group].flatten(1).gather(
                1, parents * scores.shape[3] + words
            )
            each.append((own.where(open_, -torch.inf), parents + group * scores.shape[2], words))
            _penalise(penalised[:, group + 1 :], words, self.diversity * open_)
        found, parents, words = (torch.stack(parts, dim=1) for parts in zip(*each, strict=True))
        return Chosen(found, parents, words, free_beams)


@dataclass(frozen=True)
class Sampling(DecodingStrategy):
    """Words drawn by their probability to the power 1 / `temperature`, among those that the filters leave."""

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
        filters += [partial(top_p, share=decoding.top_p)] if decoding.top_p < 1 else []
        generator = torch.Generator(device).manual_seed(decoding.seed % 2**64)
        return cls(decoding.temperature, tuple(filters), generator, width=decoding.num_beams, alive=decoding.num_beams)

    def choose(
        self, scores: Float[Tensor, "B G W V"], totals: Float[Tensor, "B G W"], free_beams: Int[Tensor, "B G"]
    ) -> Chosen:
        """One word for each hypothesis, which therefore need no room but their own.

        The word whose share is largest beside a draw from an exponential distribution: each is as
        probable as its share, and the processor waits for nothing.
        """
        shares = (scores / self.temperature).softmax(dim=-1)
        for only in self.filters:
            shares = only(shares)
        noise = torch.empty_like(shares).exponential_(generator=self.generator)  # above 0
        words = (shares / noise).argmax(dim=-1)
        parents = torch.arange(totals.shape[2], device=totals.device).expand(totals.shape)
        return Chosen(totals + scores.gather(3, words[..., None])[..., 0], parents, words, free_beams)


def top_k(shares: Float[Tensor, "*rows V"], count: int) -> Float[Tensor, "*rows V"]:
    """The `count` largest shares, and 0 for all others (Fan et al., 2018, https://arxiv.org/abs/1805.04833)."""
    largest = shares.topk(min(count, shares.shape[-1]))
    return torch.zeros_like(shares).scatter_(-1, largest.indices, largest.values)


def top_p(shares: Float[Tensor, "*rows V"], share: float) -> Float[Tensor, "*rows V"]:
    """The nucleus: the fewest largest shares that are `share` of all (Holtzman et al., 2020, https://arxiv.org/abs/1904.09751)."""
    largest, places = shares.sort(dim=-1, descending=True)
    before = largest.cumsum(dim=-1) - largest
    return torch.zeros_like(shares).scatter_(
        -1, places, largest.masked_fill(before >= share * largest.sum(dim=-1, keepdim=True), 0)
    )


def _penalise(
    penalised: Float[Tensor, "B later W V"], words: Int[Tensor, "B C"], penalty: Float[Tensor, "B C"]
) -> None:
    """Take `penalty` from each of the words in every later group, in place."""
    shape = (*penalised.shape[:3], -1)
    where, what = (rearrange(each, "b c -> b 1 1 c").expand(shape) for each in (words, -penalty))
    penalised.scatter_add_(3, where, what.to(penalised.dtype))
