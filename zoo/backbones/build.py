"""A backbone as captioners have it."""

import torch

from registry import Spec
from zoo.backbones import BACKBONES, Backbone


def build_backbone(spec: Spec) -> Backbone:
    """What `spec` names, with random weights, and without gradients where it is frozen.

    Raises:
        RegistryError: there is no such backbone, or an option makes no sense.
        ValueError: likewise, and the backbone or torch says so.
    """
    try:
        backbone = BACKBONES.build(spec).to(memory_format=torch.channels_last)  # convolutions run up to twice as fast
    except (RuntimeError, ArithmeticError) as error:  # torch's answers to sizes that make no sense
        raise ValueError(f"{spec} cannot be built: {' '.join(str(error).split())}") from error
    return backbone if backbone.trainable else backbone.requires_grad_(False)
