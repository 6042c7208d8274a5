"""A backbone as captioners have it."""

import torch

from registry import Spec
from zoo.backbones import BACKBONES, Backbone


def build_backbone(spec: Spec) -> Backbone:
    """What `spec` names, with random weights, and without gradients where it is frozen.

    Raises:
        RegistryError: there is no such backbone, or an option makes no sense.
    """
    backbone = BACKBONES.build(spec).to(memory_format=torch.channels_last)  # convolutions run up to twice as fast
    return backbone if backbone.trainable else backbone.requires_grad_(False)
