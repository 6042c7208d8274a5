"""Backbones: an image in, a set of feature vectors out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from zoo.pictures import upright
from zoo.registries import BACKBONES
from zoo.types import Features

__all__ = ["BACKBONES", "RANDOM", "Backbone", "Features", "Preprocess", "WeightsSource", "upright"]


class WeightsSource(NamedTuple):
    """Where a backbone's weights came from, and whether they can be had from there again by anyone."""

    source: str
    published: bool


RANDOM = WeightsSource("random", published=False)


class Preprocess(NamedTuple):
    """How an image becomes what a backbone expects.

    The whole picture is squashed to `size` (height, width) in pixels: captions speak of
    its edges too, which a crop would cut off.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"

    def resize(self, image: Image.Image) -> Image.Image:
        """The picture upright, in RGB and at `size`; what has been resized stays as it is."""
        height, width = self.size
        return upright(image).resize((width, height), Image.Resampling[self.interpolation.upper()])

    def to_tensor(self, image: Image.Image) -> UInt8[Tensor, "3 H W"]:
        """The pixels at `size`, as bytes."""
        return transforms.pil_to_tensor(self.resize(image))

    def normalize(self, pixels: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """Pixels with the backbone's own mean and standard deviation, on their device, channels last in memory."""
        mean, std = torch.tensor([self.mean, self.std]).to(pixels.device, non_blocking=True).view(2, 1, 3, 1, 1)
        return (pixels.contiguous(memory_format=torch.channels_last) / 255).sub_(mean).div_(std)


class Backbone(nn.Module, ABC):
    """Turns images into `Features` that are `feature_dim` wide.

    A component is built as ``(*, options)``, or ``(variant, *, options)`` where it has
    ``variants()``; building draws random weights and reads nothing. An option called
    `weights` names a local file of them. `trainable` says whether training may change
    some of it: a frozen backbone runs once per image, ever.
    """

    feature_dim: int
    preprocess: Preprocess
    trainable: bool

    @abstractmethod
    def load_pretrained(self) -> WeightsSource:
        """Load the weights that the options ask for and say where they came from; RANDOM where they ask for none.

        Raises:
            ValueError: they cannot be had here; the message gives the remedy.
        """

    @abstractmethod
    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """Features of every image, with their grid if they lie on one."""

    def layers(self) -> Sequence[Sequence[nn.Parameter]]:
        """All parameters in groups from the input on: one group, unless the backbone tells its stages apart.

        Raises:
            ValueError: others of its kind do, and this one does not.
        """
        return [list(self.parameters())]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Whether activations are recomputed in the backward pass and not kept: less memory, the same result.

        Chen et al. 2016, https://arxiv.org/abs/1604.06174.

        Raises:
            ValueError: the backbone cannot do it.
        """
        if enable:
            raise ValueError(
                f"{type(self).__name__} has no gradient checkpointing: a smaller batch_size takes less too"
            )
