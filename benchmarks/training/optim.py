"""The optimizer, and the schedule of its learning rate."""

import torch

from benchmarks.config import Training
from zoo.captioner import Captioner


def make_optimizer(captioner: Captioner, settings: Training) -> torch.optim.Optimizer:
    """AdamW over the trainable weights; those of the backbone at their own rate."""
    groups = [{"params": list(captioner.decoder.parameters()), "lr": settings.learning_rate}]
    if captioner.backbone.trainable:
        trainable = [parameter for parameter in captioner.backbone.parameters() if parameter.requires_grad]
        groups.append({"params": trainable, "lr": settings.backbone_learning_rate})
    on_device = next(captioner.parameters()).device.type != "cpu"
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=on_device or None)


def lr_factor(step: int, steps_per_epoch: int, settings: Training) -> float:
    """Share of the peak learning rate: a linear warm-up, then a linear decay."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    total = settings.decay_epochs * steps_per_epoch
    return warmup * (max(0.0, 1 - step / total) if total else 1.0)
