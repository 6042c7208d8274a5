"""Training: one readable loop, the same for every combination of parts."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.config import Training
from benchmarks.data import Example
from benchmarks.features.store import ImageStore
from benchmarks.runtime.progress import bar
from benchmarks.training.batches import iter_batches, tokenize
from benchmarks.training.checkpoints import Checkpoints
from benchmarks.training.ema import EMA
from benchmarks.training.optim import lr_factor, make_optimizer
from benchmarks.training.step import step
from zoo.captioner import Captioner
from zoo.compiling import compile_steps

ValidateFn = Callable[[Captioner], float]
_PLAIN = ("epoch", "position", "seconds", "resumed")  # of a state


@dataclass(frozen=True)
class TrainResult:
    """The loss and validation score of each epoch, the epoch whose weights the model now has, and the time it took.

    resumed: how often training was cut off and went on from a checkpoint.
    """

    curve: tuple[Mapping[str, float], ...]
    best_epoch: int
    seconds: float
    resumed: int = 0


class Trainer:
    """Trains `captioner` in place; it ends with the weights of the epoch with the best score by `validate_fn`.

    `validate_fn` gets the moving average of the weights and scores the validation images; ties
    go to the later epoch. The same seed on the same machine gives the same weights, also where
    training was cut off after any step and resumed from its state.
    """

    def __init__(
        self,
        captioner: Captioner,
        examples: Sequence[Example],
        store: ImageStore,
        settings: Training,
        *,
        seed: int,
        validate_fn: ValidateFn,
    ) -> None:
        self.captioner, self.store, self.settings = captioner, store, settings
        self.seed, self.validate_fn, self.device = seed, validate_fn, next(captioner.parameters()).device
        self.tokenized = tokenize(captioner.vocabulary, examples, settings)
        self.steps = math.ceil(len(self.tokenized) / settings.batch_size)  # of an epoch
        self.optimizer = make_optimizer(captioner, settings)
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.trained = captioner if captioner.backbone.trainable else captioner.decoder
        self.ema = EMA(self.trained, settings.ema_decay)
        self.epoch, self.position = 1, 0  # batches of the epoch that are done
        self.losses: list[Tensor] = []
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.seconds, self.resumed = 0.0, 0
        if settings.compile:
            compile_steps(captioner.decoder)

    def run(self, checkpoints: Checkpoints | None = None) -> TrainResult:
        """Train to the end, from the latest of `checkpoints` on where there is one.

        Raises:
            FloatingPointError: the loss is no finite number any more.
            ValueError: the checkpoint is of another training.
            Preempted: a stop was requested, and the state is saved.
        """
        if checkpoints is None:
            return self._run(None)
        if state := checkpoints.latest():
            try:
                self.load_state_dict(state)
            except Exception as error:  # whatever torch makes of other tensors than its own
                why = " ".join(str(error).split())[:200]
                raise ValueError(f"the checkpoint in {checkpoints.folder} does not fit: remove it ({why})") from error
        return self._run(checkpoints)

    def _run(self, checkpoints: Checkpoints | None) -> TrainResult:
        started = time.perf_counter() - self.seconds
        with bar(self.settings.epochs * self.steps, "training", "step") as progress:
            progress.update((self.epoch - 1) * self.steps + self.position)
            while self.epoch <= self.settings.epochs:
                with checkpoints.used() if checkpoints else nullcontext():
                    for _ in self._epoch():
                        progress.update()
                        self.seconds = time.perf_counter() - started
                        last = self.position == self.steps  # to validate takes its time, and can be done again
                        if checkpoints and (checkpoints.due() or last):
                            checkpoints.save(self.state_dict())
                self._validate()
                score = self.curve[-1]
                progress.set_postfix(loss=f"{score['loss']:.2f}", validation=f"{score['validation']:.3f}")
                self.epoch, self.position, self.losses = self.epoch + 1, 0, []
        self.trained.load_state_dict(self.best)
        self.captioner.eval()
        best_epoch = max(self.curve, key=lambda entry: (entry["validation"], entry["epoch"]))["epoch"]
        return TrainResult(tuple(self.curve), int(best_epoch), time.perf_counter() - started, self.resumed)

    def state_dict(self) -> dict[str, Any]:
        """All that decides what training gives from here on, in tensors and plain values."""
        return {
            "weights": self.trained.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": {"steps": self.ema.steps, "values": self.ema.values},
            "best": self.best,
            "curve": self.curve,
            "losses": list(self.losses),
            "random": torch.get_rng_state(),
            "device": self.device.type,
            "device_random": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else torch.empty(0),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same training."""
        self.trained.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.load(state["ema"]["steps"], state["ema"]["values"])
        self.best = {name: tensor.to(self.device) for name, tensor in state["best"].items()}
        self.curve, self.losses = list(state["curve"]), [loss.to(self.device) for loss in state["losses"]]
        for name in _PLAIN:
            setattr(self, name, state[name])
        self.resumed += 1
        torch.set_rng_state(state["random"])
        if self.device.type == state["device"] == "cuda":
            torch.cuda.set_rng_state(state["device_random"], self.device)
        elif self.device.type != state["device"]:  # another result anyway, but the same each time
            torch.manual_seed((self.seed * 1000 + self.epoch) * 1000 + self.position)

    def _epoch(self) -> Iterator[None]:
        """The steps of this epoch that are left."""
        if not self.position:
            torch.manual_seed(self.seed * 1000 + self.epoch)
        self.captioner.train()
        order = np.random.default_rng((self.seed, self.epoch))
        batches = iter_batches(self.tokenized, self.settings, order, views=self.store.views)
        for images, views, captions in islice(batches, self.position, None):
            factor = lr_factor((self.epoch - 1) * self.steps + self.position, self.steps, self.settings)
            for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
                group["lr"] = peak * factor
            rows = self.store.batch(images, views)
            self.losses.append(step(self.captioner, rows, captions, self.store.grid, self.settings, self.optimizer))
            self.ema.update()
            self.position += 1
            yield

    def _validate(self) -> None:
        loss = torch.stack(self.losses).mean().item()
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in epoch {self.epoch}: lower learning_rate or max_grad_norm")
        with self.ema.in_place():
            self.captioner.eval()
            self.curve.append({"epoch": self.epoch, "loss": loss, "validation": self.validate_fn(self.captioner)})
            if self.curve[-1]["validation"] >= max(entry["validation"] for entry in self.curve):
                self.best = {name: tensor.clone() for name, tensor in self.trained.state_dict().items()}
