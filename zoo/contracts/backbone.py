"""What every backbone promises."""

import torch
from torch import Tensor

from registry import Spec
from zoo.backbones import Backbone
from zoo.contracts.common import must, same
from zoo.registries import BACKBONES
from zoo.types import Features


def returns_the_features_it_declares(spec: Spec) -> None:
    """(B, N, feature_dim), on a grid of N places where there is one."""
    backbone, features = _seen(spec)
    must(features.tokens.shape[::2] == (2, backbone.feature_dim), f"features are {tuple(features.tokens.shape)}")
    places = features.tokens.shape[1]
    must(features.grid is None or features.grid[0] * features.grid[1] == places, f"{places} tokens on {features.grid}")
    must(features.tokens.isfinite().all(), "a feature is not finite")


def sees_each_image_alone(spec: Spec) -> None:
    """An image's features do not depend on its batch, and different images differ."""
    backbone, features = _seen(spec)
    images = _images(backbone)
    same(backbone(images[:1]).tokens, features.tokens[:1], "the batch changes the features")
    must(not torch.allclose(features.tokens[0], features.tokens[1]), "two images have the same features")


def _images(backbone: Backbone) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (2, 3, *backbone.preparation.size), dtype=torch.uint8, generator=generator)
    return backbone.preparation.normalise(pixels)


@torch.no_grad()
def _seen(spec: Spec) -> tuple[Backbone, Features]:
    backbone = BACKBONES.build(spec).eval().requires_grad_(False)
    return backbone, backbone(_images(backbone))
