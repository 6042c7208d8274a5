"""The unfinished captions of a search, and the best finished ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from zoo.generate.strategies import Candidates, DecodingStrategy, Unfinished
from zoo.vocabulary import END, PAD, START


@dataclass(frozen=True)
class Beams:
    """The unfinished captions: `images` are the rows of the batch that they belong to."""

    captions: Int[Tensor, "B K T"]
    totals: Float[Tensor, "B G W"]  # log-likelihood; -inf where there is no unfinished caption
    free_beams: Int[Tensor, "B G"]  # beams that no caption has given up
    images: Int[Tensor, "B"]

    @classmethod
    def start(cls, images: int, strategy: DecodingStrategy, device: torch.device) -> "Beams":
        """START, once for each beam that is alive from the start."""
        captions = torch.full((images, strategy.groups * strategy.alive, 1), START, device=device)
        totals = torch.zeros(images, strategy.groups, strategy.alive, device=device)
        free_beams = torch.full((images, strategy.groups), strategy.width, device=device)
        return cls(captions, totals, free_beams, torch.arange(images, device=device))

    @property
    def last(self) -> Int[Tensor, "B K 1"]:
        """The last word of each."""
        return self.captions[:, :, -1:]

    def grouped(self, scores: Float[Tensor, "B K V"]) -> Float[Tensor, "B G W V"]:
        """What stands for K hypotheses, group by group."""
        return scores.view(*self.totals.shape, scores.shape[2])

    def next(
        self, candidates: Candidates, unfinished: Unfinished
    ) -> tuple[Int[Tensor, "B2"] | None, Int[Tensor, "B2 K2"], "Beams"]:
        """Go on with what is unfinished: the images that stay, or None for all; each caption's parent; the captions.

        The beams shrink to the most that one group of one image has unfinished.
        """
        totals, parents, words, free_beams = candidates
        images = self.images
        rows = None
        if len(unfinished.images) < len(images):
            rows = torch.tensor(unfinished.images).to(images.device, non_blocking=True)
            totals, parents, words, free_beams, images = (
                part[rows] for part in (totals, parents, words, free_beams, images)
            )
        if unfinished.width < totals.shape[2]:
            totals, columns = totals.topk(unfinished.width)
            parents, words = parents.gather(2, columns), words.gather(2, columns)
        parents = parents.flatten(1)
        before = self.captions if rows is None else self.captions[rows]
        before = before.gather(1, parents[..., None].expand(-1, -1, before.shape[2]))
        captions = torch.cat([before, words.flatten(1)[..., None]], dim=2)
        return rows, parents, Beams(captions, totals, free_beams, images)


@dataclass
class Finished:
    """The best finished captions of every image of the batch, the best first; PAD alone where there are none yet."""

    captions: Int[Tensor, "B n L"]
    scores: Float[Tensor, "B n"]

    @classmethod
    def none(cls, images: int, count: int, length: int, device: torch.device) -> "Finished":
        """Before any is finished."""
        captions = torch.full((images, count, length), PAD, device=device)
        return cls(captions, torch.full((images, count), -torch.inf, device=device))

    def take_finished(self, beams: Beams, candidates: Candidates, per_length: float) -> Candidates:
        """Keep the best of those that there were and those finished now, and give up the beams of the latter."""
        ended = (candidates.words == END) & candidates.totals.isfinite()
        scores = (candidates.totals * per_length).masked_fill(~ended, -torch.inf).flatten(1)
        scores, order = torch.cat([self.scores[beams.images], scores], dim=1).sort(dim=1, descending=True, stable=True)
        count, longest = self.captions.shape[1:]
        finished = beams.captions.gather(
            1, candidates.parents.flatten(1)[..., None].expand(-1, -1, beams.captions.shape[2])
        )
        finished = F.pad(F.pad(finished[..., 1:], (0, 1), value=END), (0, longest - finished.shape[2]), value=PAD)
        captions = torch.cat([self.captions[beams.images], finished], dim=1)
        self.scores[beams.images] = scores[:, :count]
        self.captions[beams.images] = captions.gather(1, order[:, :count, None].expand(-1, -1, longest))
        totals = candidates.totals.masked_fill(ended, -torch.inf)
        return candidates._replace(totals=totals, free_beams=candidates.free_beams - ended.sum(dim=2))
