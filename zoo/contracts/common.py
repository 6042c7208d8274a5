"""What the contracts share: sizes, inputs, loud weights, and how they say what is wrong."""

from typing import Any

import torch
from torch import Tensor

from zoo.types import Features

IMAGES, POSITIONS, QUERIES, WIDTH, WORDS = 3, 6, 4, 32, 11
GRID = (2, 3)


def loud(module: Any) -> Any:
    """The module in evaluation, its weights scaled up: a fresh network is so flat that a wrong one passes."""
    for parameter in module.parameters():
        parameter.data *= 3
    return module.eval()


def some_features(*, masked: bool = False) -> Features:
    """Random features (IMAGES, POSITIONS, WIDTH); a masked image keeps at least its first position."""
    keep = torch.rand(IMAGES, POSITIONS) > 0.4
    keep[:, 0] = True
    return Features(torch.randn(IMAGES, POSITIONS, WIDTH), GRID, keep if masked else None)


def same(one: Tensor, other: Tensor, what: str) -> None:
    """Raise AssertionError, beginning with `what`, where two tensors differ."""
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4, msg=lambda text: f"{what}. {text}")


def must(true: bool | Tensor, what: str) -> None:
    """Raise AssertionError(`what`) unless `true`."""
    if not true:
        raise AssertionError(what)
