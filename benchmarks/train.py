"""Training: one readable loop, the same for every combination of parts."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.batches import batched, encoded
from benchmarks.config import Training
from benchmarks.data import Example
from benchmarks.images import ImageStore, see
from benchmarks.progress import bar
from zoo.captioner import Captioner
from zoo.compiling import compile_steps
from zoo.losses import Taught, cross_entropy, extra_losses
from zoo.vocabulary import PAD

Judge = Callable[[Captioner], float]


@dataclass(frozen=True)
class Outcome:
    """What training gave: one entry per epoch, and the epoch whose weights the model now has."""

    curve: tuple[Mapping[str, float], ...]
    best_epoch: int


def train(
    captioner: Captioner,
    examples: Sequence[Example],
    store: ImageStore,
    settings: Training,
    *,
    seed: int,
    judge: Judge,
) -> Outcome:
    """Train `captioner` in place; it ends with the weights of the epoch that `judge` rates best.

    `judge` sees the moving average of the weights, on images that are neither learnt from
    nor scored. The same seed on the same machine gives the same weights.
    """
    told = encoded(captioner.vocabulary, examples, settings)
    steps = math.ceil(len(told) / settings.batch_size)
    optimizer = make_optimizer(captioner, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, settings))
    if settings.compile:
        compile_steps(captioner.decoder)
    learning = captioner if captioner.backbone.trainable else captioner.decoder
    average = Average(learning, settings.average)
    curve: list[dict[str, float]] = []
    best: dict[str, Tensor] = {}
    with bar(settings.epochs * steps, "training", "step") as shown:
        for epoch in range(1, settings.epochs + 1):
            torch.manual_seed(seed * 1000 + epoch)
            captioner.train()
            losses = []
            order = np.random.default_rng((seed, epoch))
            for images, views, captions in batched(told, settings, order, views=store.views):
                losses.append(step(captioner, store.batch(images, views), captions, store.grid, settings, optimizer))
                schedule.step()
                average.update()
                shown.update()
            loss = torch.stack(losses).mean().item()
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}: lower learning_rate, or set clip_norm")
            with average.in_place():
                captioner.eval()
                curve.append({"epoch": epoch, "loss": loss, "validation": judge(captioner)})
                if curve[-1]["validation"] >= max(entry["validation"] for entry in curve):
                    best = {name: tensor.clone() for name, tensor in learning.state_dict().items()}
            shown.set_postfix(loss=f"{loss:.2f}", validation=f"{curve[-1]['validation']:.3f}")
    learning.load_state_dict(best)
    captioner.eval()
    best_epoch = max(curve, key=lambda entry: (entry["validation"], entry["epoch"]))["epoch"]
    return Outcome(tuple(curve), int(best_epoch))


def step(
    captioner: Captioner,
    rows: Tensor,
    captions: Tensor,
    grid: tuple[int, int] | None,
    settings: Training,
    optimizer: torch.optim.Optimizer,
) -> Tensor:
    """One update. `rows` are stored rows, `captions` (B, K, T + 1) numbers.

    Returns:
        The mean cross-entropy per word; what parts of the model add to the loss is not in it.
    """
    device = next(captioner.parameters()).device
    captions = captions.to(device, non_blocking=True)
    terms = extra_losses(captioner.decoder)
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        features = see(captioner.backbone, rows.to(device, non_blocking=True), grid)
        output = captioner.read(features, captions[..., :-1], weights=bool(terms))
        targets = captions[..., 1:]
        said = targets != PAD  # padding is not even scored
        logits = captioner.decoder.logits(output.hidden[said]).float()
    loss = words = cross_entropy(logits, targets[said], settings.label_smoothing)
    if terms:
        each = -F.cross_entropy(logits.detach(), targets[said], reduction="none")
        taught = Taught.of(output, said, each)
        loss = loss + torch.stack([term.extra_loss(taught) for term in terms]).sum() / said.sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(captioner.parameters(), settings.clip_norm)
    optimizer.step()
    return words.detach()


class Average:
    """A moving average of the weights that learn; its start is not held against it."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.parameters: list[Tensor] = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.values = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.values, self.parameters, 1 - keep if self.decay else 1.0)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights inside."""
        own = [tensor.detach().clone() for tensor in self.parameters]
        self._set(self.values)
        yield
        self._set(own)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self.parameters, values)


def make_optimizer(captioner: Captioner, settings: Training) -> torch.optim.Optimizer:
    """AdamW over all that learns; a trainable backbone at its own rate."""
    groups = [{"params": list(captioner.decoder.parameters()), "lr": settings.learning_rate}]
    if captioner.backbone.trainable:
        learning = [parameter for parameter in captioner.backbone.parameters() if parameter.requires_grad]
        groups.append({"params": learning, "lr": settings.backbone_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


def _rate(step: int, steps_per_epoch: int, settings: Training) -> float:
    """Share of the highest learning rate: up in a line, then down in a line."""
    warm = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    total = settings.decay_epochs * steps_per_epoch
    return warm * (max(0.0, 1 - step / total) if total else 1.0)
