"""The optimizer, and the course of its learning rate."""

import torch

from benchmarks.config import Training
from zoo.captioner import Captioner


def make_optimizer(captioner: Captioner, settings: Training) -> torch.optim.Optimizer:
    """AdamW over all that learns; a trainable backbone at its own rate."""
    groups = [{"params": list(captioner.decoder.parameters()), "lr": settings.learning_rate}]
    if captioner.backbone.trainable:
        learning = [parameter for parameter in captioner.backbone.parameters() if parameter.requires_grad]
        groups.append({"params": learning, "lr": settings.backbone_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


def lr_factor(step: int, steps_per_epoch: int, settings: Training) -> float:
    """Share of the highest learning rate: up in a line, then down in a line."""
    warm = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    total = settings.decay_epochs * steps_per_epoch
    return warm * (max(0.0, 1 - step / total) if total else 1.0)
