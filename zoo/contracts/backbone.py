"""What every backbone promises."""

import torch
from PIL import Image
from torch import Tensor

from registry import Spec
from zoo.backbones import Backbone
from zoo.contracts import common
from zoo.contracts.common import check, same
from zoo.registries import BACKBONES
from zoo.types import Features


def returns_the_features_it_declares(spec: Spec) -> None:
    """(B, N, feature_dim), on a grid of N places where there is one."""
    backbone, features = _seen(spec)
    check(features.tokens.shape[::2] == (2, backbone.feature_dim), f"features are {tuple(features.tokens.shape)}")
    places = features.tokens.shape[1]
    check(features.grid is None or features.grid[0] * features.grid[1] == places, f"{places} tokens on {features.grid}")
    check(features.mask is None or features.mask.shape == (2, places), "the mask is not (B, N)")
    check(features.tokens.isfinite().all(), "a feature is not finite")


def treats_images_independently(spec: Spec) -> None:
    """An image's features do not depend on its batch, and different images differ."""
    backbone, features = _seen(spec)
    with torch.no_grad():
        same(backbone(_images(backbone)[:1]).tokens, features.tokens[:1], "the batch changes the features")
    check(not torch.allclose(features.tokens[0], features.tokens[1]), "two images have the same features")


def preprocesses_any_image(spec: Spec) -> None:
    """Pictures of any shape and mode become bytes (3, height, width) of the size it declares."""
    preprocess = BACKBONES.build(spec).preprocess
    for mode, size in (("RGB", (90, 40)), ("L", (17, 300)), ("RGBA", (1, 1)), ("P", (64, 64))):
        pixels = preprocess.to_tensor(Image.new(mode, size))
        check(pixels.shape == (3, *preprocess.size), f"a picture of {size} becomes {tuple(pixels.shape)}")


def trains_what_it_declares_trainable(spec: Spec) -> None:
    """A trainable one learns something from a gradient; what it froze itself gets none."""
    backbone = BACKBONES.build(spec).eval()
    if not backbone.trainable:
        return
    check(any(parameter.requires_grad for parameter in backbone.parameters()), "it is trainable, and nothing in it is")
    backbone(_images(backbone)).tokens.square().mean().backward()
    gradients = [parameter.grad for parameter in backbone.parameters() if parameter.grad is not None]
    check(len(gradients) > 0, "no gradient reaches any weight")
    check(all(gradient.isfinite().all() for gradient in gradients), "a gradient is not finite")


def stays_finite_in_bfloat16(spec: Spec) -> None:
    """Features are numbers, also in half the precision."""
    backbone = BACKBONES.build(spec).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        check(backbone(_images(backbone)).tokens.isfinite().all(), "a feature is not finite")


def can_be_saved_and_loaded(spec: Spec) -> None:
    """One with the state of another sees the same."""

    def see(backbone: Backbone) -> Tensor:
        with torch.no_grad():
            return backbone(_images(backbone)).tokens

    common.can_be_saved_and_loaded(lambda: BACKBONES.build(spec).eval(), see)


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    common.is_spelled(BACKBONES, spec)


def _images(backbone: Backbone) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (2, 3, *backbone.preprocess.size), dtype=torch.uint8, generator=generator)
    return backbone.preprocess.normalize(pixels)


@torch.no_grad()
def _seen(spec: Spec) -> tuple[Backbone, Features]:
    backbone = BACKBONES.build(spec).eval().requires_grad_(False)
    return backbone, backbone(_images(backbone))
