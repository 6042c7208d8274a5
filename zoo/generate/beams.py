"""The open captions of a search, and the best ended ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zoo.generate.choice import Choice, Chosen, Open
from zoo.vocabulary import END, PAD, START


@dataclass(frozen=True)
class Beams:
    """The open captions: `images` are the rows of the batch that they belong to."""

    captions: Int[Tensor, "B K T"]
    totals: Float[Tensor, "B G W"]  # log-likelihood; -inf where there is no open caption
    room: Int[Tensor, "B G"]  # beams that no caption has given up
    images: Int[Tensor, "B"]

    @classmethod
    def start(cls, images: int, choice: Choice, device: torch.device) -> "Beams":
        """START, as often as captions are told apart from the start."""
        captions = torch.full((images, choice.groups * choice.alive, 1), START, device=device)
        totals = torch.zeros(images, choice.groups, choice.alive, device=device)
        room = torch.full((images, choice.groups), choice.width, device=device)
        return cls(captions, totals, room, torch.arange(images, device=device))

    @property
    def last(self) -> Int[Tensor, "B K 1"]:
        """The last word of each."""
        return self.captions[:, :, -1:]

    def grouped(self, scores: Float[Tensor, "B K V"]) -> Float[Tensor, "B G W V"]:
        """What stands for K hypotheses, group by group."""
        return scores.view(*self.totals.shape, -1)

    def next(self, chosen: Chosen, open_: Open) -> tuple[Int[Tensor, "B2"] | None, Int[Tensor, "B2 K2"], "Beams"]:
        """Go on with what is open: the images that stay, or None for all; each caption's parent; the captions.

        The beams shrink to the most that one group of one image has open.
        """
        totals, parents, words, room = chosen
        images = self.images
        rows = None
        if len(open_.images) < len(images):
            rows = torch.tensor(open_.images, device=images.device)
            totals, parents, words, room, images = (part[rows] for part in (totals, parents, words, room, images))
        if open_.width < totals.shape[2]:
            totals, columns = totals.topk(open_.width)
            parents, words = parents.gather(2, columns), words.gather(2, columns)
        parents = parents.flatten(1)
        before = self.captions if rows is None else self.captions[rows]
        before = before.gather(1, parents[..., None].expand(-1, -1, before.shape[2]))
        captions = torch.cat([before, words.flatten(1)[..., None]], dim=2)
        return rows, parents, Beams(captions, totals, room, images)


@dataclass
class Best:
    """The best ended caption of every image of the batch."""

    captions: Int[Tensor, "B L"]
    scores: Float[Tensor, "B"]

    @classmethod
    def none(cls, images: int, length: int, device: torch.device) -> "Best":
        """Before any has ended."""
        captions = torch.full((images, length), PAD, device=device)
        return cls(captions, torch.full((images,), -torch.inf, device=device))

    def take_ended(self, beams: Beams, chosen: Chosen, per_length: float) -> Chosen:
        """Note the best that have ended, where it is better than what there was, and close all that have."""
        ended = (chosen.words == END) & chosen.totals.isfinite()
        scores = (chosen.totals * per_length).masked_fill(~ended, -torch.inf)
        highest, winner = scores.flatten(1).max(dim=1)
        before, length = self.scores[beams.images], beams.captions.shape[2]
        parent = chosen.parents.flatten(1).gather(1, winner[:, None])
        said = beams.captions.gather(1, parent[..., None].expand(-1, -1, length))[:, 0, 1:]
        said = torch.cat([said, torch.full_like(parent, END)], dim=1)
        better = highest > before
        self.scores[beams.images] = highest.where(better, before)
        self.captions[beams.images, :length] = said.where(better[:, None], self.captions[beams.images, :length])
        totals = chosen.totals.masked_fill(ended, -torch.inf)
        return chosen._replace(totals=totals, room=chosen.room - ended.sum(dim=2))
