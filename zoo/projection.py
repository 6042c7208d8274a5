"""Between a backbone and a decoder: every backbone's features at one width, with their places."""

import math
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from zoo.types import Features, places

Positions = Literal["sinusoidal", "learned", "none"]
_FREQUENCIES = 4  # per axis: the finest tells neighbours on a 16 x 16 grid apart
_SIDE = 16  # rows and columns of the learned table, stretched to any grid


class Projection(nn.Module):
    """LayerNorm, a linear layer and a ReLU, plus where each token lies on the grid.

    Without its place no score can tell left from right.

    Args:
        feature_dim: width of the backbone's features.
        dim: width of what comes out.
        dropout: share of its units dropped in training.
        positions: the places, added to features that lie on a grid: "sinusoidal" for sines
            and cosines of row and column through a learned matrix, "learned" for a learned
            vector per row and per column, or "none".
    """

    def __init__(self, feature_dim: int, dim: int, *, dropout: float, positions: Positions) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(feature_dim), nn.Linear(feature_dim, dim), nn.ReLU())
        self.positional_encoding = (
            {"sinusoidal": SinusoidalEncoding, "learned": LearnedEncoding}[positions](dim)
            if positions != "none"
            else None
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Features) -> Features:
        """Features (B, N, dim) on the same grid, under the same mask."""
        tokens = self.layers(features.tokens)
        if self.positional_encoding is not None and features.grid is not None:
            tokens = tokens + self.positional_encoding(features.grid)
        return Features(self.dropout(tokens), features.grid, features.mask)


class SinusoidalEncoding(nn.Module):
    """Sines and cosines of row and column, at four frequencies each, through a matrix."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(4 * _FREQUENCIES, dim, bias=False)

    def forward(self, grid: tuple[int, int]) -> Float[Tensor, "N E"]:
        """One vector per cell."""
        like = self.mix.weight
        cells = places(grid, like.device).to(like.dtype)
        within = cells / (cells[-1] + 0.5)  # each in (0, 1)
        angles = within[..., None] * math.pi * 2.0 ** torch.arange(_FREQUENCIES, device=like.device, dtype=like.dtype)
        encoding = rearrange([angles.sin(), angles.cos()], "trig n side frequency -> n (trig side frequency)")
        return self.mix(encoding)


class LearnedEncoding(nn.Module):
    """Learned positional encoding: a vector per row plus one per column."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(0.02 * torch.randn(_SIDE, dim))
        self.columns = nn.Parameter(0.02 * torch.randn(_SIDE, dim))

    def forward(self, grid: tuple[int, int]) -> Float[Tensor, "N E"]:
        """One vector per cell."""
        rows, columns = (_stretched(table, side) for table, side in zip((self.rows, self.columns), grid, strict=True))
        return (rows[:, None] + columns).flatten(0, 1)


def _stretched(table: Float[Tensor, "S E"], side: int) -> Float[Tensor, "side E"]:
    """Linear between the table's entries; a product, since its gradients repeat themselves on any device."""
    ends = len(table) - 1
    rows = torch.linspace(0, ends, side, device=table.device, dtype=table.dtype)
    entries = torch.arange(ends + 1, device=table.device)
    return (1 - (rows[:, None] - entries).abs()).clamp_min(0) @ table
