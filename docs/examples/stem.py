"""A stem of small convolutions, from scratch (Xiao et al., 2021, https://arxiv.org/abs/2106.14881, section 4)."""

from jaxtyping import Float
from torch import Tensor, nn

from zoo.backbones import BACKBONES, RANDOM, Backbone, Features, Preprocess, WeightsSource


@BACKBONES.register("stem")
class Stem(Backbone):
    """Convolutions of 3 x 3 and stride 2 where `patches` has one large one; learns from scratch.

    Options:
        dim: channels of each feature.
        image_size: side of the image, in pixels.
        halvings: how often the sides are halved; four make a feature of 16 x 16 pixels.
    """

    def __init__(self, *, dim: int = 64, image_size: int = 64, halvings: int = 4) -> None:
        super().__init__()
        if halvings < 1 or dim % 2 ** (halvings - 1):
            raise ValueError(f"stem(dim={dim}, halvings={halvings}): dim should be a multiple of 2^(halvings - 1)")
        self.feature_dim, self.trainable = dim, True
        self.preprocess = Preprocess((image_size, image_size))
        widths = [3, *(dim // 2**left for left in reversed(range(halvings)))]
        self.halve = nn.Sequential(*map(_halving, widths, widths[1:]))
        self.mix = nn.Conv2d(dim, dim, kernel_size=1)

    def load_pretrained(self) -> WeightsSource:
        """There are none."""
        return RANDOM

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """One feature for each position of the last map, row by row."""
        features = self.mix(self.halve(images))
        return Features(features.flatten(2).transpose(1, 2), grid=(features.shape[2], features.shape[3]))


def _halving(narrow: int, wide: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())
