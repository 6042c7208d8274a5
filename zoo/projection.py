"""Between a backbone and a decoder: every backbone's features at one width, with their places."""

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from zoo.types import Features

_WAVES = 4  # per axis: the finest tells neighbours on a 16 x 16 grid apart


class Projection(nn.Module):
    """LayerNorm, a linear layer and a ReLU, plus where each token lies on the grid.

    The places are sines and cosines of row and column through a learnt matrix, so any
    grid will do. Without them no score can tell left from right.

    Args:
        feature_dim: width of the backbone's features.
        dim: width of what comes out.
        dropout: share of its units dropped in training.
        positions: whether to add the places; they need features with a grid.
    """

    def __init__(self, feature_dim: int, dim: int, *, dropout: float, positions: bool) -> None:
        super().__init__()
        self.scale = nn.Sequential(nn.LayerNorm(feature_dim), nn.Linear(feature_dim, dim), nn.ReLU())
        self.place = nn.Linear(4 * _WAVES, dim, bias=False) if positions else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Features) -> Features:
        """Features (B, N, dim) on the same grid, under the same mask."""
        tokens = self.scale(features.tokens)
        if self.place is not None and features.grid is not None:
            tokens = tokens + self.place(_waves(features.grid, tokens.device))
        return Features(self.dropout(tokens), features.grid, features.mask)


def _waves(grid: tuple[int, int], device: torch.device) -> Float[Tensor, "N F"]:
    middles = [(torch.arange(side, device=device) + 0.5) / side for side in grid]
    places = torch.stack(torch.meshgrid(*middles, indexing="ij"))  # (2, h, w), each in (0, 1)
    angles = places[:, None] * math.pi * 2.0 ** torch.arange(_WAVES, device=device)[:, None, None]
    return rearrange(torch.stack([angles.sin(), angles.cos()]), "trig side wave h w -> (h w) (trig side wave)")
