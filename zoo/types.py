"""What flows between the parts of a captioner.

Axes, everywhere in this package:
    B images; N image positions; D feature channels; M queries per image; Q query
    channels; K hypotheses per image, which are captions in training and beams in
    search; T tokens of a caption; E channels of a word; V words of the vocabulary;
    C context channels; A channels in which an attention compares; L layers; H heads of an
    attention (in images H and W are pixels).

K is why nothing of an image is ever repeated: five captions, or five beams, are five
queries against the one memory of their image, and M = K x T.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Features(NamedTuple):
    """A backbone's features of an image.

    `grid` is (h, w) where the tokens are laid out row by row on one, so N = h x w.
    `mask` is True where a token counts; None where all do. `each` has the features by every
    backbone where there are several, as of an ensemble; a decoder of one backbone need not know of it.
    """

    tokens: Float[Tensor, "B N D"]
    grid: tuple[int, int] | None = None
    mask: Bool[Tensor, "B N"] | None = None
    each: tuple["Features", ...] = ()

    @classmethod
    def joint(cls, each: Sequence["Features"]) -> "Features":
        """The features of the same images by several backbones: the first one's, on the grid that all share, if any.

        Those by one backbone stay as they are.
        """
        first, *others = each
        if not others:
            return first
        grid = first.grid if all(other.grid == first.grid for other in others) else None
        return first._replace(grid=grid, each=tuple(each))

    def of(self, images: Tensor) -> "Features":
        """The features of some of the images, by index or by a mask over B."""
        mask = None if self.mask is None else self.mask[images]
        return Features(self.tokens[images], self.grid, mask, tuple(other.of(images) for other in self.each))


class Memory(NamedTuple):
    """What an attention precomputes from the features, once per image.

    `keys` are compared with queries, `values` are averaged; `mask` and `grid` as in `Features`.
    """

    keys: Tensor
    values: Tensor
    mask: Bool[Tensor, "B N"] | None = None
    grid: tuple[int, int] | None = None

    def of(self, images: Tensor) -> "Memory":
        """The memory of some of the images, by index or by a mask over B."""
        mask = None if self.mask is None else self.mask[images]
        return Memory(self.keys[images], self.values[images], mask, self.grid)


class AttentionOutput(NamedTuple):
    """The context vector of each query, and its attention weights over the positions.

    `weights` are >= 0 and sum to 1 over N, or to less where something else was read too;
    None unless requested. `log_prob` is the log-probability of the position
    that a sampling attention sampled in training; None from all others. `heads` are the
    weights of each head, whose mean `weights` is; None from an attention without heads, and
    unless the weights were requested.
    """

    context: Float[Tensor, "B M C"]
    weights: Float[Tensor, "B M N"] | None
    log_prob: Float[Tensor, "B M"] | None = None
    heads: Float[Tensor, "B M H N"] | None = None


State = tuple[Tensor, ...]  # each (B, K, ...), so that a beam search can reorder it without knowing what it is


class DecoderOutput(NamedTuple):
    """The hidden vector of each next word, its attention weights, and the new state.

    `Decoder.logits` projects `hidden` to logits over the vocabulary; `weights` and
    `log_prob` are those of the attention. `heads` are the weights of each layer and head,
    whose mean `weights` is: of one layer where a decoder attends once per word, of one head where
    an attention has no heads; None where there is neither, and unless the weights were requested.
    `memory` is the updated memory where it grows with the tokens; None where it is unchanged.
    """

    hidden: Float[Tensor, "B K T E"]
    weights: Float[Tensor, "B K T N"] | None
    state: State
    log_prob: Float[Tensor, "B K T"] | None = None
    heads: Float[Tensor, "B K T L H N"] | None = None
    memory: tuple[Memory, ...] | None = None


def expand_state(state: State, hypotheses: int) -> State:
    """The state of one hypothesis per image, (B, 1, ...), as that of K: a view, nothing is copied."""
    return tuple(tensor.expand(-1, hypotheses, *tensor.shape[2:]) for tensor in state)


def reorder(state: State, parents: Int[Tensor, "B K"], images: Int[Tensor, "B"] | None = None) -> State:
    """The state of hypothesis ``parents[b, k]`` of image b, or of ``images[b]``, for every (b, k)."""
    images = torch.arange(parents.shape[0], device=parents.device) if images is None else images
    return tuple(
        tensor.flatten(0, 1)
        .index_select(0, (images[:, None] * tensor.shape[1] + parents).flatten())
        .unflatten(0, parents.shape)
        for tensor in state
    )


def places(grid: tuple[int, int], device: torch.device) -> Float[Tensor, "N 2"]:
    """Row and column of the middle of every cell, row by row, in cells: (0.5, 0.5) is the first."""
    rows, columns = (torch.arange(side, device=device) + 0.5 for side in grid)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)
