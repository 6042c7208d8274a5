"""Training: one readable loop, the same for every combination of parts."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.config import Training
from benchmarks.data import Example
from benchmarks.features.store import ImageStore
from benchmarks.runtime.device import tf32
from benchmarks.runtime.process_group import ProcessGroup
from benchmarks.runtime.progress import bar
from benchmarks.training.augmentation import refuse_augmentation
from benchmarks.training.batches import Batch, iter_batches, tokenize
from benchmarks.training.checkpoints import Checkpoints, Preempted, Requests
from benchmarks.training.curve import TrainResult, epoch_entry, refuse_divergence
from benchmarks.training.ema import EMA
from benchmarks.training.loader import read_ahead
from benchmarks.training.optim import lr_factor
from benchmarks.training.random_state import random_state, seed_epoch, set_random_state
from benchmarks.training.step import TrainStep
from zoo.captioner import Captioner
from zoo.compiling import compile_steps

ValidateFn = Callable[[Captioner], float]
_PLAIN = ("epoch", "position", "seconds", "epoch_seconds", "resumed")  # of a state
_LOOK = 50  # steps between looks at the figures, for which the device is waited for


class Trainer:
    """Trains `captioner` in place; it ends with the weights of the epoch with the best score by `validate_fn`.

    `validate_fn` gets the moving average of the weights and scores the validation images; ties
    go to the later epoch. The same seed on the same processor gives the same weights, also where
    training was cut off after any step and resumed from its state; GPUs add in no fixed order.

    In a `group` each process trains a part of every batch, all end each step with the same
    weights, and the first one alone validates and keeps the best. `micro_batch` is that of `TrainStep`.
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
        group: ProcessGroup | None = None,
        micro_batch: int = 0,
    ) -> None:
        self.captioner, self.store, self.settings = captioner, store, settings
        self.seed, self.validate_fn, self.device = seed, validate_fn, next(captioner.parameters()).device
        self.group = group or ProcessGroup()
        refuse_augmentation(settings, pixels=store.batch([]).dtype == torch.uint8)
        self.tokenized = tokenize(captioner.vocabulary, examples, settings)
        self.steps = math.ceil(len(self.tokenized) / settings.batch_size)  # of an epoch
        references = {example.image_id: example.captions for example in examples}
        self.step = TrainStep.of(captioner, settings, references, group=self.group, micro_batch=micro_batch)
        self.trained = captioner if captioner.backbone.trainable else captioner.decoder
        self.ema = EMA(self.trained, settings.ema_decay)
        self.epoch, self.position = 1, 0  # batches of the epoch that are done
        self.figures: list[Tensor] = []  # of the epoch's steps
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.seconds, self.epoch_seconds, self.resumed = 0.0, 0.0, 0
        if settings.compile:
            compile_steps(captioner.decoder)

    def run(self, checkpoints: Requests | None = None) -> TrainResult:
        """Train to the end, from the latest of `checkpoints` on where there is one; the first process has them.

        Raises:
            FloatingPointError: the loss or the gradient stays no finite number.
            OutOfMemoryError: a step with one image needs more memory than there is.
            ValueError: the checkpoint is of another training.
            Preempted: a stop was requested, and the state is saved.
        """
        if state := self.group.first(checkpoints.latest() if checkpoints else None):
            try:
                self.load_state_dict(state)
            except Exception as error:  # whatever torch makes of other tensors than its own
                why = " ".join(str(error).split())[:200]
                where = checkpoints.folder if isinstance(checkpoints, Checkpoints) else "use"
                raise ValueError(f"the checkpoint in {where} does not fit: remove it ({why})") from error
        with tf32() if self.settings.precision == "tf32" else nullcontext():
            return self._run(checkpoints)

    def _run(self, checkpoints: Requests | None) -> TrainResult:
        started = time.perf_counter() - self.seconds
        with bar(self.settings.epochs * self.steps, "training", "step") as progress:
            progress.update((self.epoch - 1) * self.steps + self.position)
            while self.epoch <= self.settings.epochs:
                with checkpoints.used() if checkpoints else nullcontext():
                    for _ in self._epoch():
                        progress.update()
                        now = time.perf_counter() - started
                        self.seconds, self.epoch_seconds = now, self.epoch_seconds + now - self.seconds
                        self._save_where_due(checkpoints)
                    self._leave_if_stopped(checkpoints)
                self._validate()
                self.seconds = time.perf_counter() - started
                self.epoch, self.position, self.epoch_seconds, self.figures = self.epoch + 1, 0, 0.0, []
        if self.best:
            self.trained.load_state_dict(self.best)
        self.captioner.eval()
        best = max(self.curve, key=lambda entry: (entry["validation"], entry["epoch"]), default={"epoch": 0})
        seconds, reward = time.perf_counter() - started, self.step.objective.signature
        return TrainResult(tuple(self.curve), int(best["epoch"]), seconds, reward, self.resumed, self.step.micro_batch)

    def state_dict(self) -> dict[str, Any]:
        """All that decides what training gives from here on, in tensors and plain values."""
        return {
            "weights": self.trained.state_dict(),
            "optimizer": self.step.optimizer.state_dict(),
            "ema": {"steps": self.ema.steps, "values": self.ema.values},
            "best": self.best,
            "curve": self.curve,
            "figures": list(self.figures),
            "micro_batch": self.step.micro_batch,
            "random": self.group.gather(random_state(self.device)),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same training."""
        self.trained.load_state_dict(state["weights"])
        self.step.load_optimizer(state["optimizer"])
        self.step.micro_batch = min(filter(None, (state["micro_batch"], self.step.micro_batch)), default=0)
        self.ema.load(state["ema"]["steps"], state["ema"]["values"])
        self.best = {name: tensor.to(self.device) for name, tensor in state["best"].items()}
        self.curve, self.figures = list(state["curve"]), [figures.to(self.device) for figures in state["figures"]]
        for name in _PLAIN:
            setattr(self, name, state[name])
        self.resumed += 1
        if not set_random_state(state["random"], self.device, self.group):  # another result anyway
            seed_epoch((self.seed, self.epoch, self.position), self.group.rank)

    def _epoch(self) -> Iterator[None]:
        """The steps of this epoch that are left."""
        if not self.position:
            seed_epoch((self.seed, self.epoch), self.group.rank)
        self.captioner.train()
        for batch in read_ahead(self._batches(), self.store, pin=self.device.type == "cuda"):
            done = (self.epoch - 1) * self.steps + self.position
            self.step.set_learning_rate(lr_factor(done, self.steps, self.settings))
            self.figures.append(self.step(replace(batch, progress=done / (self.settings.epochs * self.steps))))
            self.ema.update()
            self.position += 1
            if self.position % _LOOK == 0:
                since = _LOOK + self.settings.max_skipped_steps
                refuse_divergence(self.figures[-since:], self.epoch, self.settings.max_skipped_steps)
            yield

    def _batches(self) -> Iterator[Batch]:
        """This process's part of each batch of the epoch that is left; all processes draw the same ones."""
        order = np.random.default_rng((self.seed, self.epoch))
        batches = iter_batches(self.tokenized, self.settings, order, views=self.store.views)
        return (batch.part(*self.group.share(len(batch))) for batch in islice(batches, self.position, None))

    def _save_where_due(self, checkpoints: Requests | None) -> None:
        """After a step, if it is time: the last of an epoch too, since to validate takes its time."""
        due = (checkpoints is not None and checkpoints.due()) or self.position == self.steps
        (due,) = self.group.any(due)
        if due:
            state = self.state_dict()
            if checkpoints:
                checkpoints.save(state)
            self._leave_if_stopped(checkpoints)

    def _leave_if_stopped(self, checkpoints: Requests | None) -> None:
        """Raise Preempted in all processes where a stop was requested of any."""
        (stop,) = self.group.any(checkpoints is not None and checkpoints.stop)
        if stop:
            raise Preempted

    def _validate(self) -> None:
        refuse_divergence(self.figures, self.epoch, min(self.settings.max_skipped_steps, len(self.figures) - 1))
        rate = self.step.optimizer.param_groups[0]["lr"]
        entry = epoch_entry(self.step.reports, self.figures, self.epoch_seconds, rate, self.device)
        if self.group.rank:
            return
        with self.ema.in_place():
            self.captioner.eval()
            self.curve.append({"epoch": self.epoch, **entry, "validation": self.validate_fn(self.captioner)})
            if self.curve[-1]["validation"] >= max(entry["validation"] for entry in self.curve):
                self.best = {name: tensor.clone() for name, tensor in self.trained.state_dict().items()}
