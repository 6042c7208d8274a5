"""Backbones side by side: networks that were trained apart err apart, and a decoder may take from each."""

from collections.abc import Iterable, Sequence
from math import prod
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from registry import Spec
from zoo.backbones import BACKBONES, Backbone, WeightsSource
from zoo.backbones.layouts import from_map, side_by_side
from zoo.types import Features


@BACKBONES.register("concat")
class Concat(Backbone):
    """Several frozen backbones, the features of each place joined channel by channel.

    All see the image at one size, resized as the first one asks for, and each with its own mean and standard deviation.
    Where their grids differ, features are averaged down to the coarsest.

    Options:
        backbones: Specs of two or more.
        image_size: of those that state none: side of the image in pixels, or (height, width); None takes the
            largest that one of them has.

    Raises:
        ValueError: there is one backbone or none, one is trained or has a file of weights, or their image sizes differ.
    """

    def __init__(
        self,
        *,
        backbones: Sequence[str] = ("efficientnet_lite", "efficientnet_lite(size=2)"),
        image_size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        specs = [Spec.parse(spec) for spec in backbones]
        if len(specs) < 2:
            raise ValueError(f"concat(backbones={list(backbones)}) should name two backbones at least")
        for spec in specs:
            if spec.name == "concat":
                raise ValueError("concat does not join another concat: name the backbones of both in one list")
            if spec.options.get("weights"):
                raise ValueError(f"concat joins backbones with published weights, and {spec} has a file of them")
        if image_size is None:
            image_size = max((BACKBONES.build(spec).preprocess.size for spec in specs), key=prod)
        sized = [Spec(spec.name, spec.variant, {"image_size": image_size, **spec.options}) for spec in specs]
        each = [BACKBONES.build(spec) for spec in sized]
        for spec, backbone in zip(specs, each, strict=True):
            if backbone.trainable:
                raise ValueError(f"concat joins frozen backbones, and {spec} is trained: say trainable=False")
            if backbone.preprocess.size != each[0].preprocess.size:
                raise ValueError(
                    f"concat shows all its backbones one size of images: {specs[0]} has "
                    f"{each[0].preprocess.size} and {spec} has {backbone.preprocess.size}"
                )
        self.backbones, self.trainable = nn.ModuleList(each), False
        self.feature_dim, self.preprocess = sum(backbone.feature_dim for backbone in each), each[0].preprocess

    def load_pretrained(self) -> WeightsSource:
        """Those of each."""
        sources = [backbone.load_pretrained() for backbone in self._each]
        named = " + ".join(dict.fromkeys(source.source for source in sources))
        return WeightsSource(named, published=all(source.published for source in sources))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """Theirs, on the coarsest of their grids.

        Raises:
            ValueError: features of one of them lie on no grid.
        """
        maps = []
        for backbone in self._each:
            features = backbone(self._normalized(images, backbone))
            if features.grid is None or features.mask is not None:
                raise ValueError(
                    f"concat: the features of {type(backbone).__name__} lie on no grid, or not on all of one"
                )
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
