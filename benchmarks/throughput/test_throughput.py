"""Rates of a captioner, or of an ensemble, on a batch of 32 images; each benchmark names its rate in the record.

The operations of matrix products and convolutions are counted once, per item, which warms up.
Then the median of several rounds counts. Threads and device are those of the process; the record's
environment tells them.
"""

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.config import Decoding, Training
from benchmarks.features.cache import stored
from benchmarks.records.request import Settings
from benchmarks.runtime.operations import operations
from benchmarks.runtime.progress import alive
from benchmarks.throughput.no_eos import NoEosDecoder
from benchmarks.training.batches import Batch
from benchmarks.training.step import TrainStep
from zoo.backbones import Backbone
from zoo.caption_model import CaptionModel
from zoo.captioner import Captioner
from zoo.compiling import compile_steps
from zoo.generate import generate
from zoo.types import Features

_ROUNDS = 5
_TOKENS = 14  # START and 13 more: COCO's mean caption of ten and a half words, padded to its batch
_WORDS = 4  # the vocabulary's marks come first


def _time(
    benchmark: BenchmarkFixture, rate: str, items: int, work: Callable[[], object], flops: float, warmup: int = 0
) -> None:
    def timed() -> None:
        alive("measuring")
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    benchmark.extra_info |= {"rate": rate, "items": items, "flops": flops}
    benchmark.pedantic(timed, rounds=_ROUNDS, warmup_rounds=warmup)


def test_encode(
    benchmark: BenchmarkFixture,
    model: CaptionModel,
    encoders: tuple[Backbone, ...],
    pixels: tuple[torch.Tensor, ...],
) -> None:
    """Pixels to features, after a round that is not timed: operations are counted of one image, and with torch."""

    @torch.inference_mode()
    def encode(backbones: tuple[Backbone, ...], images: int) -> None:
        for backbone, noise in zip(backbones, pixels, strict=True):
            backbone(backbone.preprocess.normalize(noise[:images]))

    items = len(pixels[0])
    flops = operations(lambda: encode(model.backbones, 1))
    _time(benchmark, "encode_images_per_sec", items, lambda: encode(encoders, items), flops, warmup=1)


@pytest.mark.parametrize("rate", ["greedy_images_per_sec", "beam_images_per_sec"])
def test_decode(
    benchmark: BenchmarkFixture,
    no_eos: NoEosDecoder,
    features: Features,
    settings: Settings,
    rate: str,
) -> None:
    """Features to captions of the full length, greedily or with the run's beams."""
    decoding = settings.decoding
    if rate.startswith("greedy"):
        decoding = Decoding(num_beams=1, max_length=decoding.max_length, precision=decoding.precision)

    def decode() -> None:
        generate(no_eos, features, **vars(decoding))

    items = len(features.tokens)
    _time(benchmark, rate, items, decode, operations(decode) / items)


def test_train(
    benchmark: BenchmarkFixture,
    captioner: Captioner,
    pixels: tuple[torch.Tensor, ...],
    training: Training,
) -> None:
    """One training step as the run made them: from what the store keeps of an image."""
    rows, grid = stored(captioner.backbone, pixels[0][:1])
    rows = rows.expand(training.batch_size, *rows.shape[1:])
    shape = (training.batch_size, training.captions_per_image, _TOKENS)
    captions = torch.randint(_WORDS, len(captioner.vocabulary), shape, generator=torch.Generator().manual_seed(0))
    captioner.train()
    if training.compile:
        compile_steps(captioner.decoder)
    some = " ".join(captioner.vocabulary.words[_WORDS : _WORDS + _TOKENS])
    step = TrainStep.of(captioner, training, {image: [some] for image in range(training.batch_size)})
    batch = Batch.of(range(training.batch_size), captions, rows=rows, grid=grid)
    rate, items = "train_captions_per_sec", training.batch_size * step.objective.captions_per_image

    def learn() -> None:
        step(batch)

    _time(benchmark, rate, items, learn, operations(learn) / items)
