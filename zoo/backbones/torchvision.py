"""Any image classifier of torchvision (https://docs.pytorch.org/vision/stable/models.html)."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import UnknownName
from zoo.backbones import BACKBONES, RANDOM, Backbone, Preprocess, WeightsSource
from zoo.backbones.layouts import Size, fits, from_map, from_tokens
from zoo.backbones.probe import feature_width, image_shape, probing, reason, shadow
from zoo.backbones.weights import fill, load_local
from zoo.types import Features

# Without the heads that only help training, and normalising again as the published weights want it.
_INCEPTION = {"transform_input": True, "aux_logits": False, "init_weights": False}


@BACKBONES.register("torchvision")
class Torchvision(Backbone):
    """The last features of any classifier of torchvision before they are pooled, as ``torchvision/<model name>``.

    Options:
        pretrained: whether to load torchvision's default weights, from its site or torch's cache.
        trainable: whether training changes them.
        image_size: side of the image in pixels, or (height, width); None takes that of the default weights.
        layer: another node of the model's graph to read, such as "layer3" of a ResNet.
        weights: a local file of weights to load instead: .safetensors, or tensors alone in
            .pth, .pt or .bin.
    """

    def __init__(
        self,
        model_name: str,
        *,
        pretrained: bool = True,
        trainable: bool = False,
        image_size: int | Sequence[int] | None = None,
        layer: str | None = None,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        from torchvision.models import get_model_weights
        from torchvision.models.feature_extraction import create_feature_extractor

        self.model_name, self.name = model_name, f"torchvision/{model_name}"
        self.pretrained, self.weights, self.trainable = pretrained, weights, trainable
        settings: Any = get_model_weights(model_name).DEFAULT.transforms()
        size = image_shape(settings.crop_size[0] if image_size is None else image_size)
        self.preprocess = Preprocess(size, tuple(settings.mean), tuple(settings.std), settings.interpolation.value)
        model = self._create()
        with probing(self.name, size) as images:
            outputs = _outputs(shadow(model, self._create), images)
        node = _last(outputs) if layer is None else _named(layer, outputs, self.name)
        self.model = create_feature_extractor(model, [node], suppress_diff_warning=True)
        self.feature_dim = feature_width(self.name, _features(outputs[node], size))

    @staticmethod
    def variants() -> Collection[str]:
        """Every classifier that this torchvision has."""
        return _names()

    def load_pretrained(self) -> WeightsSource:
        """The local file's weights, or torchvision's default ones."""
        from torchvision import __version__
        from torchvision.models import get_model, get_model_weights

        if self.weights is not None:
            return load_local(self.model, self.weights)
        if not self.pretrained:
            return RANDOM
        default = get_model_weights(self.model_name).DEFAULT
        try:
            loaded = get_model(self.model_name, weights=default).state_dict()
        except Exception as error:  # whatever the transport raises
            raise ValueError(
                f"{self.name} has no weights here ({reason(error)}): "
                "connect to download.pytorch.org once, or say pretrained=False"
            ) from error
        fill(self.model, loaded, f"{self.name}.{default.name}")
        return WeightsSource(f"torchvision {__version__}, {default.name}", published=True)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """What the model's head would pool, place by place."""
        (output,) = self.model(images).values()
        return _features(output, (images.shape[2], images.shape[3]))

    def _create(self) -> nn.Module:
        """The whole model; one that depends on the image size is told it."""
        from torchvision.models import get_model

        height, width = self.preprocess.size
        options: dict[str, dict[str, Any]] = {
            "vit": {"image_size": height},
            "maxvit": {"input_size": (height, width)},
            "googlenet": _INCEPTION,
            "inception": _INCEPTION,
        }
        create = partial(get_model, self.model_name, weights=None, **options.get(self.model_name.partition("_")[0], {}))
        try:
            return create()
        except NotImplementedError:  # a RegNet computes its widths with tensors, which on the meta device hold nothing
            with torch.device("cpu"):
                return create().to("meta")


def _features(output: Tensor, size: Size) -> Features:
    if output.ndim == 3:
        return from_tokens(output, size)
    return from_map(output if fits((output.shape[2], output.shape[3]), size) else output.permute(0, 3, 1, 2))


def _outputs(model: nn.Module, images: Float[Tensor, "1 3 H W"]) -> dict[str, Any]:
    """What every node of the model's graph gives, in the order in which they run."""
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    training, evaluation = get_graph_node_names(model, suppress_diff_warning=True)
    extractor = create_feature_extractor(
        model, train_return_nodes=training, eval_return_nodes=evaluation, suppress_diff_warning=True
    )
    return extractor.eval()(images)


def _last(outputs: Mapping[str, Any]) -> str:
    """The last node before the pooling or the classifier that gives a map or tokens."""
    return next(
        node
        for node, output in reversed([*outputs.items()])
        if isinstance(output, Tensor)
        and node.partition(".")[0] not in ("avgpool", "classifier")
        and (output.ndim == 3 or (output.ndim == 4 and output.shape[2:].numel() > 1))
    )


def _named(layer: str, outputs: Mapping[str, Any], name: str) -> str:
    """The node called `layer`, or the last one inside of the module of that name."""
    nodes = [node for node in outputs if f"{node}.".startswith(f"{layer}.")]
    if not nodes:
        raise UnknownName(f"layer of {name}", layer, outputs)
    output = outputs[nodes[-1]]
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        raise ValueError(f"{name}: layer {layer!r} gives neither a map nor tokens")
    return nodes[-1]


@cache
def _names() -> Collection[str]:
    from torchvision import models

    return dict.fromkeys(models.list_models(module=models))
