"""Any backbone of timm (https://github.com/huggingface/pytorch-image-models)."""

from collections.abc import Collection
from functools import cache
from math import isqrt
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from zoo.backbones import BACKBONES, RANDOM, Backbone, Preparation
from zoo.types import Features


@BACKBONES.register("timm")
class Timm(Backbone):
    """The last features of any timm model, as ``timm/<model name>`` or ``timm/<model name>.<weights>``.

    Convolutional maps, channels-last maps and tokens (without class tokens) all become
    features; of a model with several outputs, the last.

    Options:
        pretrained: whether to load timm's weights, from the Hugging Face hub or its cache.
        trainable: whether training changes them.
        image_size: side of the image in pixels; None takes the model's own.
    """

    def __init__(
        self, model_name: str, *, pretrained: bool = True, trainable: bool = False, image_size: int | None = None
    ) -> None:
        super().__init__()
        from timm.data import resolve_model_data_config

        self.model_name, self.image_size = model_name, image_size
        self.pretrained, self.trainable = pretrained, trainable
        self.model = _create(model_name, image_size)
        settings = resolve_model_data_config(self.model)
        channels, *size = settings["input_size"]
        if channels != 3:
            raise ValueError(f"timm/{model_name} reads {channels} channels, not the 3 of a picture")
        size = size if image_size is None else [image_size, image_size]
        self.preparation = Preparation((size[0], size[1]), settings["mean"], settings["std"], settings["interpolation"])
        with torch.device("meta"):  # costs nothing, and tells what no attribute of timm tells for all models
            shadow, images = _create(model_name, image_size).eval(), torch.empty(1, 3, *size)
            try:
                features = _features(shadow, images)
            except (RuntimeError, AssertionError) as error:
                raise ValueError(f"timm/{model_name} cannot read images of {size[0]} x {size[1]}: {error}") from None
        self.feature_dim = features.tokens.shape[-1]

    @staticmethod
    def variants() -> Collection[str]:
        """Every model name that this timm has, alone and with each of its weights."""
        return _names()

    def load_pretrained(self) -> str:
        """timm's weights of that name; its default ones where none are named."""
        from timm import __version__

        if not self.pretrained:
            return RANDOM
        try:  # timm's own way: it renames, converts and resizes what the published file holds
            loaded = _create(self.model_name, self.image_size, pretrained=True)
        except Exception as error:  # the hub's client raises whatever its transport raises
            raise ValueError(
                f"timm/{self.model_name} has no weights here ({str(error).splitlines()[0]}): "
                "connect to the Hugging Face hub once, or say pretrained=False"
            ) from error
        self.model.load_state_dict(loaded.state_dict())
        settings: Any = self.model.pretrained_cfg
        return f"timm {__version__}, {settings.get('tag') or 'default'}"

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """What the model's head would read, place by place."""
        return _features(self.model, images)


@cache
def _names() -> Collection[str]:
    from timm import list_models

    return dict.fromkeys([*list_models(), *list_models(pretrained=True)])  # ordered, and quick to search


def _create(model_name: str, image_size: int | None, *, pretrained: bool = False) -> nn.Module:
    """The model without its head; one that depends on the image size is told it, others do not care."""
    from timm import create_model

    if image_size is not None:
        try:
            return create_model(model_name, pretrained=pretrained, num_classes=0, img_size=image_size)
        except TypeError:
            pass
    return create_model(model_name, pretrained=pretrained, num_classes=0)


def _features(model: Any, images: Float[Tensor, "B 3 H W"]) -> Features:
    output = model.forward_features(images)
    if isinstance(output, list | tuple):
        output = output[-1]
    if output.ndim == 4:
        last = output.shape[3] == model.num_features and output.shape[1] != model.num_features
        grid = tuple(output.shape[1:3] if last else output.shape[2:])
        return Features(
            rearrange(output, "b h w d -> b (h w) d" if last else "b d h w -> b (h w) d"), (grid[0], grid[1])
        )
    if output.shape[1] == model.feature_info[-1]["num_chs"] != output.shape[2]:
        output = output.mT  # (B, D, N)
    return _without_class_tokens(model, output)


def _without_class_tokens(model: Any, tokens: Float[Tensor, "B L D"]) -> Features:
    """Tokens that lie on a grid, which timm's models state, or which is the square that their number allows."""
    length, declared = tokens.shape[1], getattr(getattr(model, "patch_embed", None), "grid_size", None)
    extra = getattr(model, "num_prefix_tokens", None)
    if extra is not None and declared is not None and declared[0] * declared[1] == length - extra:
        return Features(tokens[:, extra:], tuple(declared))
    for extra in range(min(3, length)):
        side = isqrt(length - extra)
        if side * side == length - extra:
            return Features(tokens[:, extra:], (side, side))
    return Features(tokens)
