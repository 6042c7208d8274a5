"""Finding out what a model sees, on the meta device, where it costs neither memory nor time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.backbones.layouts import Size
from zoo.types import Features


def image_shape(image_size: int | Sequence[int]) -> Size:
    """(height, width), of a square where one number is given.

    Raises:
        ValueError: it is neither one nor two numbers, or one of them is no size.
    """
    sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"image_size should be one number, or height and width, all > 0, not {image_size!r}")
    return sides[0], sides[1]


def shadow(model: nn.Module, create: Callable[[], nn.Module]) -> nn.Module:
    """A twin of `model` on the meta device, as `create` makes it; `model` itself where it lies there already."""
    if next(model.parameters()).is_meta:
        return model
    with torch.device("meta"):
        return create()


@contextmanager
def probing(name: str, size: Size) -> Iterator[Float[Tensor, "1 3 H W"]]:
    """An image of `size` on the meta device, to show to a shadow of the model called `name`.

    Raises:
        ValueError: the model cannot look at it.
    """
    with torch.device("meta"), torch.no_grad():
        try:
            yield torch.empty(1, 3, *size)
        except Exception as error:  # whatever a model raises is the answer
            raise ValueError(f"{name} cannot be tried on an image of {size[0]} x {size[1]}: {reason(error)}") from None


def feature_width(name: str, features: Features) -> int:
    """Channels of the features.

    Raises:
        ValueError: there is but one of them, and so nothing to attend to.
    """
    if features.tokens.shape[1] < 2:
        raise ValueError(
            f"{name} gives one vector for the whole image, and no places to look at: read an earlier layer or stage"
        )
    return features.tokens.shape[2]


def reason(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
