"""A few steps of each stage of a cell, timed: the steps of a run, on its data; none of it is stored.

Weights are random, since others cost the same. EOS is masked, so that captions run to `max_length`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain, cycle, islice, repeat
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.cell.context import Context
from benchmarks.cell.cost import Cost, Stage
from benchmarks.cell.prepare import backbone_name
from benchmarks.config import Decoding, Training
from benchmarks.data import Dataset, UnreadableImage
from benchmarks.evaluation import decode
from benchmarks.features import encode
from benchmarks.features.cache import compute_features, stored_cut
from benchmarks.features.views import Views
from benchmarks.plan.cell import Cell
from benchmarks.runtime.device import peak_memory, reset_peak_memory, tf32
from benchmarks.runtime.environment import processor
from benchmarks.runtime.progress import alive
from benchmarks.throughput.no_eos import NoEosDecoder
from benchmarks.training.batches import iter_batches, tokenize
from benchmarks.training.ema import EMA
from benchmarks.training.step import TrainStep
from zoo.backbones.build import build_backbone
from zoo.captioner import Captioner
from zoo.compiling import compile_steps
from zoo.generate import generate
from zoo.parts import Parts
from zoo.types import Features

_WARM_UP = 2  # steps that are not counted
_PATIENCE = 30.0  # seconds, after which a stage is not measured again
_ROWS = 64  # images whose rows stand for all


class _Encoded(NamedTuple):
    """How fast a backbone encodes, how much of it is stored, some of that, and the most memory in use."""

    stage: Stage
    stored: int
    rows: Tensor
    grid: tuple[int, int] | None
    memory: int

    def batch(self, images: int) -> Tensor:
        """Rows of so many images."""
        return self.rows[torch.arange(images) % len(self.rows)]


class Estimator:
    """Measures `steps` of each stage of a cell, or as many as half a minute has; a backbone encodes for all its cells.

    A step of training is that of one of `devices`, with its share of the batch.
    """

    def __init__(self, context: Context, *, steps: int, devices: int = 1) -> None:
        self.context, self.steps, self.devices = context, steps, devices
        self._encoded: dict[str, _Encoded] = {}

    def cost(self, cell: Cell) -> Cost:
        """What the cell costs here.

        Raises:
            Exception: whatever a part raises.
        """
        dataset, device = self.context.dataset(cell.located_dataset), self.context.device
        named = backbone_name(cell)
        if named not in self._encoded:
            self._encoded = {named: self._encode(cell, dataset)}  # of one at a time, for its memory
        encoded = self._encoded[named]
        gpu = device.type == "cuda"
        reset_peak_memory(device)
        torch.manual_seed(cell.seed)
        vocabulary = self.context.vocabulary(cell.located_dataset, cell.training.min_count)
        parts = Parts.parse(cell.backbone, cell.attention, cell.decoder)
        captioner = Captioner.build(parts, vocabulary)
        if cell.teacher:  # which has to have the same backbone
            captioner.backbone.load_pretrained()
        captioner.to(device).eval()
        greedy = Decoding(num_beams=1, max_length=cell.decoding.max_length)
        with _products(cell.training):
            validate = self._caption(captioner, encoded, greedy)
        caption = self._caption(captioner, encoded, cell.decoding)
        with _products(cell.training):
            train = self._train(captioner, encoded, cell)
        return Cost(
            device=torch.cuda.get_device_name() if gpu else f"{processor()}, threads: {torch.get_num_threads()}",
            encode=encoded.stage,
            stored=encoded.stored,
            epochs=cell.training.epochs,
            validate=Stage(len(dataset.validation), validate),
            caption=Stage(len(dataset.test), caption),
            train=Stage(ceil(len(dataset.train) / cell.training.batch_size), train),
            memory=max(encoded.memory, peak_memory(device)) if gpu else 0,
        )

    def _encode(self, cell: Cell, dataset: Dataset) -> _Encoded:
        device, training = self.context.device, cell.training
        reset_peak_memory(device)
        views = Views(training.hflip and dataset.allows_hflip, training.cached_crops, training.crop_scale)
        backbone = build_backbone(cell.backbone).to(device).eval()
        encoder = self.context.features.store_encoder(dataset, backbone, named=backbone_name(cell), views=views)
        # On a processor a batch is encoded in parts of this size, so that it need not be larger.
        size = encode.PART if device.type == "cpu" else encode.BATCH
        lanes = encode.lanes(device)  # once: inside, the threads that torch has are shared out
        examples = list(islice(cycle(dataset.train), lanes * size * (_WARM_UP + self.steps)))
        batches = encode.encode_batches(
            dataset, examples, encoder, stored_cut(backbone)[0], views=views, device=device, batch_size=size
        )
        rows: list[np.ndarray] = []  # of the first images: all of them may be gigabytes
        found: list[encode.EncodedBatch] = []
        with closing(batches):

            def encode_round() -> None:
                for batch in islice(batches, lanes):
                    rows.extend(row[:1].copy() for row in batch.rows[: _ROWS - len(rows)])
                    found[:] = [batch] if batch.examples or not found else found[-1:]

            seconds = _timed(encode_round, self.steps)
        (last,) = found
        if not rows:
            raise UnreadableImage(f"no image of the first {len(examples)}, such as {last.unreadable[0][1]}")
        images = sum(map(len, (dataset.train, dataset.validation, dataset.test)))
        pixels = (
            backbone.trainable and stored_cut(backbone)[0] is None
        )  # reading takes most of the time, mirroring a sixth
        share = 1.0 if pixels else views.total(dataset) / (images * views.count)  # of the views that were measured
        stage = Stage(images, tuple(share * each / (lanes * size) for each in seconds))
        stored = views.total(dataset) * rows[0].nbytes
        return _Encoded(stage, stored, torch.from_numpy(np.concatenate(rows)), last.grid, peak_memory(device))

    def _train(self, captioner: Captioner, encoded: _Encoded, cell: Cell) -> tuple[float, ...]:
        training = replace(cell.training, batch_size=ceil(cell.training.batch_size / self.devices))
        examples = self.context.dataset(cell.located_dataset).train[: training.batch_size * (_WARM_UP + self.steps)]
        if self.context.resources.grad_checkpointing and captioner.backbone.trainable:
            captioner.backbone.set_grad_checkpointing()
        references = {example.image_id: example.captions for example in examples}
        step = TrainStep.of(captioner, training, references, micro_batch=self.context.resources.micro_batch)
        step.set_learning_rate(0.0)
        average = EMA(captioner if captioner.backbone.trainable else captioner.decoder, training.ema_decay)
        epoch = partial(iter_batches, tokenize(captioner.vocabulary, examples, training), training, views=1)
        batches = chain.from_iterable(map(epoch, repeat(np.random.default_rng(cell.seed))))
        captioner.train()
        if training.compile:
            compile_steps(captioner.decoder)

        def train_step() -> None:
            batch = next(batches)
            # Halfway through training, for what grows with it as scheduled sampling does.
            step(replace(batch, rows=encoded.batch(len(batch)), grid=encoded.grid, progress=0.5))
            average.update()

        return _timed(train_step, self.steps)

    @torch.inference_mode()
    def _caption(self, captioner: Captioner, encoded: _Encoded, decoding: Decoding) -> tuple[float, ...]:
        """Seconds for an image."""
        decoder, images = NoEosDecoder(captioner.decoder), decode.BATCH

        def caption() -> None:
            rows = encoded.batch(images).to(self.context.device)
            features: Features = compute_features(captioner.backbone, rows, encoded.grid)
            generate(decoder, features, **vars(decoding))

        return tuple(seconds / images for seconds in _timed(caption, self.steps))


def _products(training: Training) -> AbstractContextManager[object]:
    """Inside, products are as a run's training and validation have them."""
    return tf32() if training.precision == "tf32" else nullcontext()


def _timed(work: Callable[[], object], steps: int) -> tuple[float, ...]:
    """Seconds of `steps` calls behind those of the warm-up; of fewer, but one, where they take above half a minute.

    The first call, in which things are compiled and read, is never among them, however long it takes.
    """
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < _WARM_UP + steps and sum(seconds[1:]) < _PATIENCE):
        alive("measuring")
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return tuple(seconds[min(_WARM_UP, len(seconds) - 1) :])
