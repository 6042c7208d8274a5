"""One update of the weights."""

import torch
from torch import Tensor, nn

from benchmarks.config import Training
from benchmarks.training.objectives.base import Objective
from benchmarks.training.objectives.cross_entropy import CrossEntropy
from zoo.captioner import Captioner


def step(
    captioner: Captioner,
    rows: Tensor,
    captions: Tensor,
    grid: tuple[int, int] | None,
    settings: Training,
    optimizer: torch.optim.Optimizer,
) -> Tensor:
    """One update. `rows` are stored rows, `captions` (B, K, T + 1) token ids.

    Returns:
        What the objective reports of the batch.
    """
    device = next(captioner.parameters()).device
    rows, captions = (each.to(device, non_blocking=True) for each in (rows, captions))
    loss = objective(settings).loss(captioner, rows, captions, grid)
    optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    if settings.max_grad_norm:
        nn.utils.clip_grad_norm_(captioner.parameters(), settings.max_grad_norm)
    optimizer.step()
    return loss.reported


def objective(settings: Training) -> Objective:
    """What `settings` minimise."""
    return CrossEntropy(label_smoothing=settings.label_smoothing, precision=settings.precision)
