"""Training: one readable loop, the same for every combination of parts."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice

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
from benchmarks.training.curve import TrainResult, best_epoch, epoch_entry, refuse_divergence, step_means
from benchmarks.training.ema import EMA
from benchmarks.training.loader import read_ahead
from benchmarks.training.observer import Epoch, NoObserver, Observer
from benchmarks.training.optim import lr_factor
from benchmarks.training.random_state import seed_epoch
from benchmarks.training.state import restore, state_of
from benchmarks.training.step import TrainStep
from zoo.captioner import Captioner
from zoo.compiling import compile_steps

ValidateFn = Callable[[Captioner], float]
_LOOK = 50  # steps between looks at the figures, for which the device is waited for


class Trainer:
    """Trains `captioner` in place; it ends with the weights of the epoch with the best score by `validate_fn`.

    `validate_fn` gets the moving average of the weights and scores the validation images; ties
    go to the later epoch. The same seed on the same processor gives the same weights, also where
    training was cut off after any step and resumed from its state; GPUs add in no fixed order.

    In a `group` each process trains a part of every batch, all end each step with the same
    weights, and the first one alone validates, keeps the best, and has an `observer`. `micro_batch` is that of
    `TrainStep`.
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
        observer: Observer | None = None,
    ) -> None:
        self.captioner, self.store, self.settings = captioner, store, settings
        self.seed, self.validate_fn, self.device = seed, validate_fn, next(captioner.parameters()).device
        self.group, self.observer = group or ProcessGroup(), observer or NoObserver()
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
        self._started = 0.0  # when it would have been, had all the time since been training
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
            restore(self, state, checkpoints.folder if isinstance(checkpoints, Checkpoints) else None)
        with tf32() if self.settings.precision == "tf32" else nullcontext():
            return self._run(checkpoints)

    def _run(self, checkpoints: Requests | None) -> TrainResult:
        self.observer.on_train_begin(self._done - (self.position == self.steps))  # that epoch's end comes again
        self._started = time.perf_counter() - self.seconds
        with bar(self.settings.epochs * self.steps, "training", "step") as progress:
            progress.update(self._done)
            while self.epoch <= self.settings.epochs:
                with checkpoints.used() if checkpoints else nullcontext():
                    for _ in self._epoch():
                        progress.update()
                        now = time.perf_counter() - self._started
                        self.seconds, self.epoch_seconds = now, self.epoch_seconds + now - self.seconds
                        self._save_where_due(checkpoints)
                    self._leave_if_stopped(checkpoints)
                self._validate()
                self.seconds = time.perf_counter() - self._started
                self._report_epoch()
                self.epoch, self.position, self.epoch_seconds, self.figures = self.epoch + 1, 0, 0.0, []
        if self.best:
            self.trained.load_state_dict(self.best)
        self.captioner.eval()
        best, reward = best_epoch(self.curve), self.step.objective.signature
        seconds = time.perf_counter() - self._started
        return TrainResult(tuple(self.curve), best, seconds, reward, self.resumed, self.step.micro_batch)

    @property
    def _done(self) -> int:
        """Steps of all epochs."""
        return (self.epoch - 1) * self.steps + self.position

    def _epoch(self) -> Iterator[None]:
        """The steps of this epoch that are left."""
        if not self.position:
            seed_epoch((self.seed, self.epoch), self.group.rank)
        self.captioner.train()
        for batch in read_ahead(self._batches(), self.store, pin=self.device.type == "cuda"):
            self.step.set_learning_rate(lr_factor(self._done, self.steps, self.settings))
            self.figures.append(self.step(replace(batch, progress=self._done / (self.settings.epochs * self.steps))))
            self.ema.update()
            self.position += 1
            if self.position % _LOOK == 0:
                since = _LOOK + self.settings.max_skipped_steps
                refuse_divergence(self.figures[-since:], self.epoch, self.settings.max_skipped_steps)
                self._report_steps()
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
            state = state_of(self)
            if checkpoints:
                began = time.perf_counter()
                self.observer.on_save(lambda: checkpoints.stop)
                self._started += time.perf_counter() - began
                checkpoints.save(state)
            self._leave_if_stopped(checkpoints)

    def _leave_if_stopped(self, checkpoints: Requests | None) -> None:
        """Raise Preempted in all processes where a stop was requested of any."""
        (stop,) = self.group.any(checkpoints is not None and checkpoints.stop)
        if stop:
            raise Preempted

    def _validate(self) -> None:
        refuse_divergence(self.figures, self.epoch, min(self.settings.max_skipped_steps, len(self.figures) - 1))
        entry = epoch_entry(self.step.reports, self.figures, self.epoch_seconds, self.step.learning_rate, self.device)
        if self.group.rank:
            return
        with self.ema.in_place():
            self.captioner.eval()
            self.curve.append({"epoch": self.epoch, **entry, "validation": self.validate_fn(self.captioner)})
            if self.curve[-1]["validation"] >= max(entry["validation"] for entry in self.curve):
                self.best = {name: tensor.clone() for name, tensor in self.trained.state_dict().items()}

    def _report_steps(self) -> None:
        if self.position < self.steps:
            means = step_means(self.step.reports, self.figures[-_LOOK:])
            self.observer.on_steps(self._done, means | {"learning_rate": self.step.learning_rate})

    def _report_epoch(self) -> None:
        if self.group.rank:
            return
        objective, epochs = self.step.objective, self.settings.epochs
        captions = len(self.tokenized) * objective.captions_per_image / self.epoch_seconds
        left = self.seconds / self.epoch * (epochs - self.epoch)
        self.observer.on_epoch_end(
            Epoch(self.epoch, epochs, self._done, self.curve[-1], objective.reports, captions, left)
        )
