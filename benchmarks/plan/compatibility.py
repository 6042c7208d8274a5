"""Whether the parts of a cell can be put together, tried with as little of each as shows it."""

from typing import NamedTuple

import torch

from benchmarks.config import Training
from benchmarks.training.augmentation import refuse_augmentation
from benchmarks.training.optim import refuse_layer_decay
from registry import Spec
from zoo.registries import BACKBONES, DECODERS
from zoo.types import Features
from zoo.vocabulary import SPECIAL


class FeatureShape(NamedTuple):
    """The shape of a backbone's features of one image, (1, N, D), and their grid."""

    tokens: tuple[int, ...]
    grid: tuple[int, int] | None


def feature_shape(backbone: Spec) -> FeatureShape:
    """Of what the backbone gives; on the meta device, where that costs no memory, unless it looks at values.

    Raises:
        Exception: whatever the backbone raises.
    """
    try:
        with torch.device("meta"):
            features = _of_zeros(backbone)
    except (NotImplementedError, RuntimeError):  # some look at values, of which there are none
        features = _of_zeros(backbone)
    return FeatureShape(tuple(features.tokens.shape), features.grid)


def refuse_training(backbone: Spec, training: Training) -> None:
    """Raise a ValueError where `training` asks of the backbone what it cannot do: tried on the meta device."""
    with torch.device("meta"):
        built = BACKBONES.build(backbone)
    frozen = not all(parameter.requires_grad for parameter in built.parameters())
    refuse_augmentation(training, pixels=built.trainable and not frozen)
    refuse_layer_decay(built, training)


def incompatibility(shape: FeatureShape, attention: Spec, decoder: Spec) -> str | None:
    """Why a decoder for one word cannot precompute what it needs of such features, or None where it can."""
    try:
        built = DECODERS.build(decoder, len(SPECIAL) + 1, shape.tokens[-1], attention).eval()
        with torch.inference_mode():
            built.init_state(Features(torch.randn(shape.tokens), shape.grid))
    except Exception as error:  # whatever a component raises is the answer
        return " ".join(str(error).split()) or type(error).__name__
    return None


@torch.no_grad()
def _of_zeros(backbone: Spec) -> Features:
    built = BACKBONES.build(backbone).eval()
    features: Features = built(torch.zeros(1, 3, *built.preprocess.size))
    return features
