"""The models that are timed, with random weights: what they say does not change what it costs."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.config import Training
from benchmarks.speed.sizes import Size
from benchmarks.training.batches import Batch, TokenizedExample, iter_batches
from benchmarks.training.step import TrainStep
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.types import Features
from zoo.vocabulary import END, SPECIAL, START, Vocabulary


def recurrent(size: Size, channels: int) -> Captioner:
    """lstm + bahdanau, on features with so many channels."""
    return _captioner(size, channels, f"bahdanau(hidden_dim={size.dim})", f"lstm(dim={size.dim})")


def transformer(size: Size, channels: int) -> Captioner:
    """transformer + multihead, as wide and as deep as the rival."""
    heads = f"num_heads={size.heads}"
    layers = f"num_layers={size.layers}, hidden_dim={4 * size.dim}"
    return _captioner(size, channels, f"multihead({heads})", f"transformer(dim={size.dim}, {layers}, {heads})")


def rows(size: Size, features: tuple[int, int]) -> Tensor:
    """Stored features of a batch, (B, N, D) in float16."""
    return torch.randn(size.images, *features, generator=torch.Generator().manual_seed(0)).half()


def seen(size: Size, features: tuple[int, int]) -> Features:
    """The same as a search is given them."""
    return Features(rows(size, features).float())


def captions(size: Size) -> Tensor:
    """Random words to learn, (B, K, T + 1), none of them a mark."""
    shape = (size.images, size.captions, size.tokens)
    return torch.randint(len(SPECIAL), size.words, shape, generator=torch.Generator().manual_seed(0))


def learner(captioner: Captioner, size: Size, settings: Training) -> Callable[[], object]:
    """One training step of the project's own loop, with its optimizer, whenever it is called."""
    batch, tokens = rows(size, (size.features[0], captioner.backbone.feature_dim)), captions(size)
    captioner.train()
    step = TrainStep.of(captioner, settings, {})
    return lambda: step(Batch.of(range(size.images), tokens, rows=batch))


def tokenized_examples(size: Size, batches: int) -> list[TokenizedExample]:
    """Encoded captions for so many batches; their lengths spread as COCO's do, about ten and a half words."""
    draw = np.random.default_rng(0)
    return [
        (image, [[START, *draw.integers(len(SPECIAL), size.words, _length(draw)), END] for _ in range(size.captions)])
        for image in range(batches * size.images)
    ]


def epoch(captioner: Captioner, size: Size, settings: Training, batches: int) -> Callable[[], object]:
    """Training steps on all of `tokenized_examples`, in the batches that `settings` ask for, whenever it is called."""
    examples, rows_ = tokenized_examples(size, batches), rows(size, (size.features[0], captioner.backbone.feature_dim))
    step = TrainStep.of(captioner.train(), settings, {})

    def run() -> None:
        for batch in iter_batches(examples, settings, np.random.default_rng(0), views=1):
            step(replace(batch, rows=rows_[: len(batch)]))

    return run


def _length(draw: np.random.Generator) -> int:
    return int(np.clip(np.rint(draw.normal(10.5, 2.4)), 5, 16))


def _captioner(size: Size, channels: int, attention: str, decoder: str) -> Captioner:
    torch.manual_seed(0)
    vocabulary = Vocabulary([*SPECIAL, *(f"word{number}" for number in range(size.words - len(SPECIAL)))])
    parts = Parts.parse(f"patches(dim={channels}, trainable=False)", attention, decoder)
    return Captioner.build(parts, vocabulary).eval()
