"""Rules that forbid next words: each sets their scores to -inf, in place."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zoo.decoding import Decoding
from zoo.vocabulary import END, PAD, START, UNKNOWN

Rule = Callable[[Float[Tensor, "B K V"], Int[Tensor, "B K T"]], None]  # scores, and START with the words so far


def rules_of(decoding: Decoding, device: torch.device) -> list[Rule]:
    """What holds for every caption, and what `decoding` asks for; the one that makes captions end comes last."""
    marks = torch.tensor([PAD, START, UNKNOWN]).to(device, non_blocking=True)
    requested: list[Rule] = (
        [partial(no_repeated_ngram, length=decoding.no_repeat_ngram_size)] if decoding.no_repeat_ngram_size else []
    )
    return [partial(no_marks, marks=marks), *requested, partial(ending, max_length=decoding.max_length)]


def no_marks(scores: Float[Tensor, "B K V"], captions: Int[Tensor, "B K T"], *, marks: Int[Tensor, "M"]) -> None:
    """Of the marks only END can be chosen."""
    scores.index_fill_(2, marks, -torch.inf)


def no_repeated_ngram(scores: Float[Tensor, "B K V"], captions: Int[Tensor, "B K T"], *, length: int) -> None:
    """No run of so many words comes twice in a caption (Paulus et al., 2018, https://arxiv.org/abs/1705.04304, 2.5).

    END may: of a caption that has ended a row can be left, which must have something to choose.
    """
    if captions.shape[2] < length:
        return
    runs = captions.unfold(2, length, 1)  # (B, K, runs, length)
    prefix = captions[:, :, None, captions.shape[2] - length + 1 :]  # which another word makes a run
    again = (runs[..., :-1] == prefix).all(dim=-1) & (runs[..., -1] != END)
    scores.scatter_(2, runs[..., -1].where(again, PAD), -torch.inf)  # PAD is forbidden anyway


def ending(scores: Float[Tensor, "B K V"], captions: Int[Tensor, "B K T"], *, max_length: int) -> None:
    """After `max_length` words END is the only choice."""
    if captions.shape[2] > max_length:
        scores[..., :END] = scores[..., END + 1 :] = -torch.inf
