"""Backbones side by side: networks that were trained apart err apart, and a decoder may take from each."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from registry import Spec
from zoo.backbones import BACKBONES, Backbone, WeightsSource
from zoo.backbones.layouts import from_map, side_by_side
from zoo.types import Features

_MOST = 8


@BACKBONES.register("concat")
class Concat(Backbone):
    """Several frozen backbones, the features of each place joined channel by channel.

    All see the image at the first one's size, resized as that one asks for, and each with its own mean and standard
    deviation. Where their grids differ, features are averaged down to the coarsest.

    Options:
        backbones: Specs of two to eight.
        image_size: of those that state none: side of the image in pixels, or (height, width); None takes that of
            the first one.

    Raises:
        ValueError: there are fewer or more, one is trained or has a file of weights, or their image sizes differ.
    """

    def __init__(
        self,
        *,
        backbones: Sequence[str] = ("efficientnet_lite(size=2)", "efficientnet_lite"),
        image_size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        specs = [Spec.parse(spec) for spec in backbones]
        if not 2 <= len(specs) <= _MOST:
            raise ValueError(f"concat joins two to {_MOST} backbones, not {len(specs)}")
        for spec in specs:
            if spec.name == "concat":
                raise ValueError("concat does not join another concat: name the backbones of both in one list")
            if spec.options.get("weights"):
                raise ValueError(f"concat joins backbones with published weights, and {spec} has a file of them")
        each = [_sized(specs[0], image_size)]
        self.preprocess = each[0].preprocess
        height, width = self.preprocess.size
        each += [_sized(spec, height if height == width else (height, width)) for spec in specs[1:]]
        for spec, backbone in zip(specs, each, strict=True):
            if backbone.trainable:
                raise ValueError(f"concat joins frozen backbones, and {spec} is trained: say trainable=False")
            if backbone.preprocess.size != self.preprocess.size:
                raise ValueError(
                    f"concat shows all its backbones one size of images: {specs[0]} has "
                    f"{self.preprocess.size} and {spec} has {backbone.preprocess.size}"
                )
        self.backbones, self.trainable = nn.ModuleList(each), False
        self.feature_dim = sum(backbone.feature_dim for backbone in each)

    def load_pretrained(self) -> WeightsSource:
        """Those of each."""
        sources = [backbone.load_pretrained() for backbone in self._each]
        named = " + ".join(dict.fromkeys(source.source for source in sources))
        return WeightsSource(named, published=all(source.published for source in sources))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """Theirs, on the coarsest of their grids.

        Raises:
            ValueError: features of one of them lie on no grid, or have a mask.
        """
        maps = []
        for backbone in self._each:
            features = backbone(self._normalized(images, backbone))
            if features.grid is None or features.mask is not None:
                raise ValueError(f"concat: the features of {type(backbone).__name__} lie on no grid, or have a mask")
            maps.append(rearrange(features.tokens, "b (h w) d -> b d h w", h=features.grid[0]))
        return from_map(side_by_side(maps))

    def _normalized(self, images: Float[Tensor, "B 3 H W"], backbone: Backbone) -> Float[Tensor, "B 3 H W"]:
        """The images with that one's mean and standard deviation."""
        own, other = self.preprocess, backbone.preprocess
        if (own.mean, own.std) == (other.mean, other.std):
            return images
        mean, std, other_mean, other_std = (
            torch.tensor(each, device=images.device).view(3, 1, 1)
            for each in (own.mean, own.std, other.mean, other.std)
        )
        return (images * std + mean - other_mean) / other_std

    @property
    def _each(self) -> Iterable[Backbone]:
        return cast(Iterable[Backbone], self.backbones)


def _sized(spec: Spec, image_size: int | Sequence[int] | None) -> Backbone:
    """What `spec` names; for images of that size where it has a choice and makes none."""
    chosen = spec.options.get("image_size") is not None or "image_size" not in BACKBONES.options(spec.name)
    if image_size is None or chosen:
        return BACKBONES.build(spec)
    return BACKBONES.build(Spec(spec.name, spec.variant, {**spec.options, "image_size": image_size}))
