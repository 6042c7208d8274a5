"""Area attention (Li et al., 2019, https://arxiv.org/abs/1810.10126)."""

from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from registry import Size
from zoo.attention import ATTENTIONS, Attention, masked_softmax, scorer
from zoo.types import AttentionOutput, Features, Memory, places


@ATTENTIONS.register("area")
class Area(Attention):
    """Looks at rectangles of cells, of every size up to a largest, and not only at single cells.

    A rectangle's value is the mean of its cells, where the paper takes the sum: what is read is
    then a mean of the features, and the weight of a cell its share of all the rectangles it
    lies in. Its key is the key of that mean, which is the paper's mean of keys wherever keys
    are an affine map of features. Needs features on a grid.

    Options:
        score: the attention whose scores are used.
        largest: longest side of a rectangle, in cells.
    """

    reads_grid = True

    def __init__(self, query_dim: int, feature_dim: int, *, score: str = "luong", largest: Size = 3) -> None:
        super().__init__()
        if largest < 1:
            raise ValueError(f"area(largest={largest}) has no rectangles: largest is at least 1")
        self.scorer, self.largest, self.context_dim = scorer(score, query_dim, feature_dim), largest, feature_dim

    def precompute(self, features: Features) -> Memory:
        """Of each of R rectangles its key, (B, R, A), and as its value its mean and its cells' shares, (B, R, D + N).

        Raises:
            ValueError: the features lie on no grid.
        """
        if features.grid is None:
            raise ValueError("area looks at rectangles, and these features lie on no grid")
        tokens = features.tokens
        cells = _rectangles(features.grid, self.largest, tokens.device).to(tokens.dtype)[None]
        if features.mask is not None:
            cells = cells * features.mask[:, None]
        count = cells.sum(dim=-1, keepdim=True)
        shares = cells / count.clamp_min(1)  # (B, R, N); (1, R, N) where nothing is masked
        means = shares @ tokens
        values = torch.cat([means, shares.expand(tokens.shape[0], -1, -1)], dim=-1)
        mask = None if features.mask is None else count.squeeze(-1) > 0
        return Memory(self.scorer.keys(means), values, mask)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The mean over the rectangles by the softmax of their scores."""
        weights = masked_softmax(self.scorer.score(query, memory.keys), memory.mask)
        means, cells = memory.values.split([self.context_dim, memory.values.shape[-1] - self.context_dim], dim=-1)
        context = weights.to(means.dtype) @ means
        return AttentionOutput(context, weights @ cells.to(weights.dtype) if need_weights else None)


def _rectangles(grid: tuple[int, int], largest: int, device: torch.device) -> Bool[Tensor, "R N"]:
    """Which cells each rectangle holds."""
    corners = torch.tensor(_corners(grid, largest)).to(device, non_blocking=True)
    low, high = corners[:, None].split(2, dim=-1)  # each (R, 1, 2)
    cells = places(grid, device)
    return ((low <= cells) & (cells < high)).all(dim=-1)


@lru_cache
def _corners(grid: tuple[int, int], largest: int) -> list[tuple[int, int, int, int]]:
    """Top, left, bottom and right of each rectangle; no tensors: one made in inference cannot be trained with."""
    height, width = (range(1, min(largest, side) + 1) for side in grid)
    return [
        (top, left, top + down, left + right)
        for down in height
        for right in width
        for top in range(grid[0] - down + 1)
        for left in range(grid[1] - right + 1)
    ]
