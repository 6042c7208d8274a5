"""Training: one readable loop, the same for every combination of parts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.config import Training
from benchmarks.data import Example
from benchmarks.features.store import ImageStore
from benchmarks.runtime.progress import bar
from benchmarks.training.batches import iter_batches, tokenize
from benchmarks.training.ema import EMA
from benchmarks.training.objectives.base import Objective
from benchmarks.training.objectives.cross_entropy import CrossEntropy
from benchmarks.training.optim import lr_factor, make_optimizer
from zoo.captioner import Captioner
from zoo.compiling import compile_steps

ValidateFn = Callable[[Captioner], float]


@dataclass(frozen=True)
class TrainResult:
    """The loss and validation score of each epoch, and the epoch whose weights the model now has."""

    curve: tuple[Mapping[str, float], ...]
    best_epoch: int


def train(
    captioner: Captioner,
    examples: Sequence[Example],
    store: ImageStore,
    settings: Training,
    *,
    seed: int,
    validate_fn: ValidateFn,
) -> TrainResult:
    """Train `captioner` in place; it ends with the weights of the epoch with the best score by `validate_fn`.

    `validate_fn` gets the moving average of the weights and scores the validation images; ties
    go to the later epoch. The same seed on the same machine gives the same weights.
    """
    tokenized = tokenize(captioner.vocabulary, examples, settings)
    steps = math.ceil(len(tokenized) / settings.batch_size)
    optimizer = make_optimizer(captioner, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(step, steps, settings))
    if settings.compile:
        compile_steps(captioner.decoder)
    trained = captioner if captioner.backbone.trainable else captioner.decoder
    ema = EMA(trained, settings.ema_decay)
    curve: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    with bar(settings.epochs * steps, "training", "step") as progress:
        for epoch in range(1, settings.epochs + 1):
            torch.manual_seed(seed * 1000 + epoch)
            captioner.train()
            losses = []
            order = np.random.default_rng((seed, epoch))
            for images, views, captions in iter_batches(tokenized, settings, order, views=store.views):
                losses.append(step(captioner, store.batch(images, views), captions, store.grid, settings, optimizer))
                schedule.step()
                ema.update()
                progress.update()
            loss = torch.stack(losses).mean().item()
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}: lower learning_rate or max_grad_norm")
            with ema.in_place():
                captioner.eval()
                curve.append({"epoch": epoch, "loss": loss, "validation": validate_fn(captioner)})
                if curve[-1]["validation"] >= max(entry["validation"] for entry in curve):
                    best = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
            progress.set_postfix(loss=f"{loss:.2f}", validation=f"{curve[-1]['validation']:.3f}")
    trained.load_state_dict(best)
    captioner.eval()
    best_epoch = max(curve, key=lambda entry: (entry["validation"], entry["epoch"]))["epoch"]
    return TrainResult(tuple(curve), int(best_epoch))


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
