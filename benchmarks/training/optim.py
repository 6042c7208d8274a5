"""The optimizer, and the schedule of its learning rate."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from benchmarks.config import Training
from zoo.backbones import Backbone
from zoo.captioner import Captioner


def make_optimizer(captioner: Captioner, settings: Training) -> torch.optim.Optimizer:
    """AdamW over the trainable weights; those of the backbone at their own rates.

    Raises:
        ValueError: `layer_decay` has no layers of the backbone to tell apart.
    """
    groups = [{"params": list(captioner.decoder.parameters()), "lr": settings.learning_rate}]
    if captioner.backbone.trainable:
        groups += _backbone_groups(captioner.backbone, settings)
    on_device = next(captioner.parameters()).device.type != "cpu"
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=on_device or None)


def _backbone_groups(backbone: Backbone, settings: Training) -> Iterator[dict[str, Any]]:
    """Layer i of n + 1 at backbone_learning_rate x layer_decay ** (n - i): Clark et al. 2020, Bao et al. 2022."""
    layers = [list(backbone.parameters())] if settings.layer_decay == 1 else _layers(backbone)
    for behind, layer in zip(reversed(range(len(layers))), layers, strict=True):
        if trainable := [parameter for parameter in layer if parameter.requires_grad]:
            yield {"params": trainable, "lr": settings.backbone_learning_rate * settings.layer_decay**behind}


def _layers(backbone: Backbone) -> Sequence[Sequence[nn.Parameter]]:
    if len(layers := backbone.layers()) == 1:
        raise ValueError(f"{type(backbone).__name__} tells no layers apart: layer_decay should be 1")
    return layers


def refuse_layer_decay(backbone: Backbone, settings: Training) -> None:
    """Raise a ValueError where `layer_decay` has no layers of `backbone` to tell apart, or none that learn."""
    if settings.layer_decay != 1 and not backbone.trainable:
        raise ValueError("layer_decay is for a backbone that learns: set trainable, or layer_decay to 1")
    if settings.layer_decay != 1:
        _layers(backbone)


def lr_factor(step: int, steps_per_epoch: int, settings: Training) -> float:
    """Share of the peak learning rate: a linear warm-up, then a linear decay."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    total = settings.decay_epochs * steps_per_epoch
    return warmup * (max(0.0, 1 - step / total) if total else 1.0)
