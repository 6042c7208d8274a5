"""How the outputs of vision models lie, and how they become `Features`."""

from collections.abc import Sequence
from math import prod

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from zoo.types import Features

Size = tuple[int, int]


def from_map(output: Float[Tensor, "B D h w"]) -> Features:
    """A feature map, channels first, as tokens row by row."""
    return Features(rearrange(output, "b d h w -> b (h w) d"), (output.shape[2], output.shape[3]))


def from_tokens(
    output: Float[Tensor, "B L D"], size: Size, *, prefix: int | None = None, declared: Size | None = None
) -> Features:
    """Tokens without the ones of no place that come first, on their grid where there is one.

    `prefix` says how many those are, None where the model does not tell; `declared` is
    the grid that it states. `size` is that of the image in pixels.
    """
    length = output.shape[1]
    for extra in range(min(3, length)) if prefix is None else (prefix,):
        places = length - extra
        grid = declared if declared and prod(declared) == places else _grid(places, size)
        if grid:
            return Features(output[:, extra:], grid)
    return Features(output[:, prefix or 0 :])


def side_by_side(maps: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B D h w"]:
    """Maps of several sizes as one: averaged down to the coarsest grid among them, put together in channels."""
    grids = [(output.shape[2], output.shape[3]) for output in maps]
    coarsest = min(grids, key=prod)
    return torch.cat([F.adaptive_avg_pool2d(output, coarsest) for output in maps], dim=1)


def fits(grid: Size, size: Size) -> bool:
    """Whether squares can lie on such a grid over an image of `size`, but for the rounding of one side."""
    (h, w), (height, width) = grid, size
    return min(abs(h - w * height / width), abs(w - h * width / height)) < 1


def _grid(places: int, size: Size) -> Size | None:
    """The (h, w) of that many squares on an image of `size`; None if there is none."""
    grids = [(h, places // h) for h in range(1, places + 1) if places % h == 0]
    nearest = min(grids, key=lambda grid: abs(grid[0] * size[1] - grid[1] * size[0]))
    return nearest if fits(nearest, size) else None
