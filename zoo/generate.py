"""Greedy and beam search, for any decoder, on all images of a batch at once."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.decoders import Decoder
from zoo.types import Features, Memory, State, reorder
from zoo.vocabulary import END, PAD, START, UNKNOWN


@torch.inference_mode()
def generate(
    decoder: Decoder, features: Features, *, beams: int = 5, max_length: int = 20, length_power: float = 0.7
) -> Int[Tensor, "B L"]:
    """The best caption of each image: its words and END, then PAD; L = max_length + 1.

    A caption is judged by its log-likelihood, END included, over its length to the
    `length_power`. It has at most `max_length` words and always ends. ``beams=1`` is greedy
    search. An ended caption gives up its beam; an image whose open captions can no
    longer win leaves the batch.
    """
    memory, state = decoder.begin(features)
    state = tuple(tensor.expand(-1, beams, *tensor.shape[2:]) for tensor in state)
    beam = _Beam.start(len(features.tokens), beams, features.tokens.device)
    best = _Best.none(len(features.tokens), max_length + 1, features.tokens.device)
    for length in range(1, max_length + 2):
        output = decoder(beam.captions[:, :, -1:], memory, state)
        scores = decoder.logits(output.hidden[:, :, 0]).float().log_softmax(dim=-1)
        only_end = length > max_length
        beam, parents = beam.extended(_allowed(scores, only_end=only_end))
        state = reorder(output.state, parents)
        beam = best.take_ended(beam, length**-length_power)
        open_images = beam.totals.amax(dim=1) * (max_length + 1) ** -length_power > best.scores[beam.images]
        if not open_images.all():
            beam, memory, state = _keep(open_images, beam, memory, state)
        if not len(beam.images):
            break
    return best.captions


@dataclass
class _Beam:
    """The open captions: `images` are the rows of the batch that they belong to."""

    captions: Int[Tensor, "B K L"]
    totals: Float[Tensor, "B K"]  # log-likelihood; -inf where there is no open caption
    images: Int[Tensor, "B"]

    @classmethod
    def start(cls, images: int, beams: int, device: torch.device) -> "_Beam":
        totals = torch.full((images, beams), -torch.inf, device=device)
        totals[:, 0] = 0  # all beams of an image start alike: let one of them live
        captions = torch.full((images, beams, 1), START, device=device)
        return cls(captions, totals, torch.arange(images, device=device))

    def extended(self, scores: Float[Tensor, "B K V"]) -> tuple["_Beam", Int[Tensor, "B K"]]:
        """The likeliest captions that are one word longer, and which one each continues."""
        beams, words = scores.shape[1:]
        totals, places = (self.totals[..., None] + scores).flatten(1).topk(beams)
        parents, last = places // words, places % words
        captions = torch.cat([reorder((self.captions,), parents)[0], last[..., None]], dim=2)
        return replace(self, captions=captions, totals=totals), parents


@dataclass
class _Best:
    """The best ended caption of every image of the batch."""

    captions: Int[Tensor, "B L"]
    scores: Float[Tensor, "B"]
    ended: Int[Tensor, "B"]  # beams given up

    @classmethod
    def none(cls, images: int, length: int, device: torch.device) -> "_Best":
        captions = torch.full((images, length), PAD, device=device)
        scores = torch.full((images,), -torch.inf, device=device)
        return cls(captions, scores, torch.zeros(images, dtype=torch.long, device=device))

    def take_ended(self, beam: _Beam, per_length: float) -> _Beam:
        """Note which captions of `beam` have ended, best first, and close their beams."""
        ranks = torch.arange(beam.totals.shape[1], device=beam.totals.device)
        room = beam.totals.shape[1] - self.ended[beam.images]
        totals = beam.totals.masked_fill(ranks >= room[:, None], -torch.inf)
        ended = (beam.captions[:, :, -1] == END) & totals.isfinite()
        scores, winner = (totals * per_length).masked_fill(~ended, -torch.inf).max(dim=1)
        better = scores > self.scores[beam.images]
        images = beam.images[better]
        self.scores[images] = scores[better]
        self.captions[images, : beam.captions.shape[2] - 1] = beam.captions[better, winner[better], 1:]
        self.ended[beam.images] += ended.sum(dim=1)
        return replace(beam, totals=totals.masked_fill(ended, -torch.inf))


def _allowed(scores: Float[Tensor, "B K V"], *, only_end: bool) -> Float[Tensor, "B K V"]:
    if only_end:
        return torch.full_like(scores, -torch.inf).index_copy_(
            2, torch.tensor([END], device=scores.device), scores[..., END : END + 1]
        )
    return scores.index_fill_(2, torch.tensor([PAD, START, UNKNOWN], device=scores.device), -torch.inf)


def _keep(
    images: Bool[Tensor, "B"], beam: _Beam, memory: tuple[Memory, ...], state: State
) -> tuple[_Beam, tuple[Memory, ...], State]:
    kept = _Beam(beam.captions[images], beam.totals[images], beam.images[images])
    return kept, tuple(part.of(images) for part in memory), tuple(tensor[images] for tensor in state)
