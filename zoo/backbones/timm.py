"""Any backbone of timm (https://github.com/huggingface/pytorch-image-models)."""

from collections.abc import Collection, Sequence
from functools import cache, partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from zoo.backbones import BACKBONES, RANDOM, Backbone, Preprocess, WeightsSource
from zoo.backbones.finetuning import set_grad_checkpointing, stages_of, train_last
from zoo.backbones.layouts import from_map, from_tokens, side_by_side
from zoo.backbones.probe import feature_width, image_shape, probing, reason, shadow
from zoo.backbones.weights import load_local
from zoo.types import Features


@BACKBONES.register("timm")
class Timm(Backbone):
    """The features of any timm model, as ``timm/<model name>`` or ``timm/<model name>.<weights>``.

    Convolutional maps, channels-last maps and tokens (without class tokens) all become
    features; of a model with several outputs, the last.

    Options:
        pretrained: whether to load timm's weights, from the Hugging Face hub or its cache.
        trainable: whether training changes them; a whole number says of how many of the
            last stages, which are the blocks of a ViT.
        image_size: side of the image in pixels, or (height, width); None takes the model's own.
        stages: which stages to read, as timm counts them from 0, or from the end with -1.
            Several are averaged down to the coarsest grid among them and put side by side
            in channels, in the model's order. None reads what the model's head would.
        drop_path: stochastic depth rate of the last block, towards which it rises from 0; None takes
            the model's own, which is 0 for most.
        weights: a local file of weights to load instead: .safetensors, or tensors alone in
            .pth, .pt or .bin.
    """

    def __init__(
        self,
        model_name: str,
        *,
        pretrained: bool = True,
        trainable: bool | int = False,
        image_size: int | Sequence[int] | None = None,
        stages: int | Sequence[int] | None = None,
        drop_path: float | None = None,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        from timm.data import resolve_model_data_config

        self.model_name, self.name = model_name, f"timm/{model_name}"
        self.pretrained, self.weights, self.trainable = pretrained, weights, bool(trainable)
        self.image_size = None if image_size is None else image_shape(image_size)
        self.stages = [stages] if isinstance(stages, int) else stages
        self.drop_path, self.grad_checkpointing = drop_path, False
        if drop_path is not None and not 0 <= drop_path < 1:
            raise ValueError(f"drop_path={drop_path} should be a rate: at least 0, and less than 1")
        if drop_path and not trainable:
            raise ValueError(
                f"drop_path={drop_path} is for training: {self.name} needs trainable=True, or how many stages"
            )
        self.model: Any = self._create()
        settings = resolve_model_data_config(self.model)
        channels, *size = settings["input_size"]
        if channels != 3:
            raise ValueError(f"{self.name} reads {channels} channels, not the 3 of a picture")
        height, width = self.image_size or size
        self.preprocess = Preprocess((height, width), settings["mean"], settings["std"], settings["interpolation"])
        if not isinstance(trainable, bool):
            train_last(self.model, trainable, self.name)
        twin = shadow(self.model, self._create).eval()
        with probing(self.name, self.preprocess.size) as images:
            features = self._read(twin, images)
        self.model.train()
        self.feature_dim = feature_width(self.name, features)

    @staticmethod
    def variants() -> Collection[str]:
        """Every model name that this timm has, alone and with each of its weights."""
        return _names()

    def load_pretrained(self) -> WeightsSource:
        """The local file's weights, or timm's of that name, or its default ones where none are named."""
        from timm import __version__

        if self.weights is not None:
            return load_local(self.model, self.weights)
        if not self.pretrained:
            return RANDOM
        try:  # timm's own way: it renames, converts and resizes what the published file holds
            loaded = self._create(pretrained=True)
        except Exception as error:  # the hub's client raises whatever its transport raises
            raise ValueError(
                f"{self.name} has no weights here ({reason(error)}): "
                "connect to the Hugging Face hub once, or say pretrained=False"
            ) from error
        self.model.load_state_dict(loaded.state_dict())
        settings: Any = self.model.pretrained_cfg
        return WeightsSource(f"timm {__version__}, {settings.get('tag') or 'default'}", published=True)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """What the model's head would read, or the stages that were asked for, place by place."""
        if self.grad_checkpointing:  # only in training: with it timm may call other modules, and cuts name them
            self.model.set_grad_checkpointing(self.training)
        return self._read(self.model, images)

    def layers(self) -> Sequence[Sequence[nn.Parameter]]:
        """The parameters of timm's stem and stages, which in a ViT are blocks; a last norm goes with the last.

        Raises:
            ValueError: timm tells no stages of this model apart.
        """
        return stages_of(self.model, self.name)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """As timm does it, block by block or stage by stage, in training mode alone.

        Raises:
            ValueError: timm has none for this model.
        """
        set_grad_checkpointing(self.model, enable, self.name)
        self.grad_checkpointing = enable

    def _read(self, model: Any, images: Float[Tensor, "B 3 H W"]) -> Features:
        if self.stages is None:
            return _features(model, images)
        return from_map(
            side_by_side(model.forward_intermediates(images, indices=self.indices, intermediates_only=True))
        )

    def _create(self, *, pretrained: bool = False) -> nn.Module:
        """The model without its head and the stages that nobody reads."""
        model: Any = _create(self.model_name, self.image_size, self.drop_path, pretrained=pretrained)
        if self.stages is not None:
            try:
                self.indices = model.prune_intermediate_layers(list(self.stages))  # counted from 0
            except (AttributeError, AssertionError) as error:
                raise ValueError(f"{self.name} has no stages={self.stages}: {reason(error)}") from None
        return model


def _features(model: Any, images: Float[Tensor, "B 3 H W"]) -> Features:
    """What comes out of a timm model's ``forward_features``, whatever its layout."""
    output = model.forward_features(images)
    if isinstance(output, list | tuple):
        output = output[-1]
    if output.ndim == 4:
        return from_map(output.permute(0, 3, 1, 2) if getattr(model, "output_fmt", "NCHW") == "NHWC" else output)
    if output.shape[1] == model.feature_info[-1]["num_chs"] != output.shape[2]:
        output = output.mT  # (B, D, N)
    declared = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    return from_tokens(
        output,
        (images.shape[2], images.shape[3]),
        prefix=getattr(model, "num_prefix_tokens", None),
        declared=tuple(declared) if declared else None,
    )


@cache
def _names() -> Collection[str]:
    from timm import list_models

    return dict.fromkeys([*list_models(), *list_models(pretrained=True)])  # ordered, and quick to search


def _create(
    model_name: str, image_size: tuple[int, int] | None, drop_path: float | None, *, pretrained: bool
) -> nn.Module:
    """The model without its head; one that depends on the image size is told it, others do not care."""
    from timm import create_model

    create = partial(create_model, model_name, pretrained=pretrained, num_classes=0)
    if drop_path is not None:
        create = partial(create, drop_path_rate=drop_path)
    if image_size is not None:
        try:
            return create(img_size=image_size)
        except TypeError:
            pass
    try:
        return create()
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise ValueError(f"timm/{model_name} has no stochastic depth: leave drop_path out") from None
