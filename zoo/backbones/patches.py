"""The smallest backbone that can work: linear patches (ViT's stem, https://arxiv.org/abs/2010.11929, 3.1)."""

from jaxtyping import Float
from torch import Tensor, nn

from registry import Size
from zoo.backbones import BACKBONES, RANDOM, Backbone, Preprocess, WeightsSource
from zoo.backbones.layouts import from_map
from zoo.types import Features


@BACKBONES.register("patches")
class Patches(Backbone):
    """Cuts the image into squares and projects each one linearly; learns from scratch.

    Options:
        dim: channels of each feature.
        patch: side of a square, in pixels.
        image_size: side of the image, in pixels.
        trainable: whether training changes the projection.
    """

    def __init__(self, *, dim: Size = 64, patch: Size = 16, image_size: Size = 64, trainable: bool = True) -> None:
        super().__init__()
        if not 0 < patch <= image_size or dim < 1:
            raise ValueError(f"patches needs 0 < patch <= image_size and dim > 0, not {patch}, {image_size}, {dim}")
        self.feature_dim, self.trainable = dim, trainable
        self.preprocess = Preprocess((image_size, image_size))
        self.project = nn.Conv2d(3, dim, kernel_size=patch, stride=patch)

    def load_pretrained(self) -> WeightsSource:
        """There are none."""
        return RANDOM

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """One feature for each square."""
        return from_map(self.project(images))
