"""The models that are timed, with random weights: what they say does not change what it costs."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.config import Training
from benchmarks.throughput.speed.sizes import Size
from benchmarks.train import make_optimizer, step
from zoo.captioner import Captioner, Parts
from zoo.types import Features
from zoo.vocabulary import SPECIAL, Vocabulary


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
    batch, said = rows(size, (size.features[0], captioner.backbone.feature_dim)), captions(size)
    captioner.train()
    optimizer = make_optimizer(captioner, settings)
    return lambda: step(captioner, batch, said, None, settings, optimizer)


def _captioner(size: Size, channels: int, attention: str, decoder: str) -> Captioner:
    torch.manual_seed(0)
    vocabulary = Vocabulary([*SPECIAL, *(f"word{number}" for number in range(size.words - len(SPECIAL)))])
    parts = Parts.parse(f"patches(dim={channels}, trainable=False)", attention, decoder)
    return Captioner.build(parts, vocabulary).eval()
