"""Captions that a model samples while it learns."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zoo.decoders import Decoder
from zoo.generate import n_best
from zoo.types import Features
from zoo.vocabulary import PAD, START, UNKNOWN


def forbid_marks(logits: Float[Tensor, "*shape V"]) -> None:
    """Set those of marks that no caption holds to -inf, in place, as searches do; END stays."""
    for mark in (PAD, START, UNKNOWN):
        logits[..., mark] = -torch.inf


def sample(decoder: Decoder, features: Features, count: int, max_length: int) -> Int[Tensor, "B K T"]:
    """`count` captions of each image, sampled from the model as it is in evaluation: words, END, PAD.

    Drawn by torch's generator of the processor, so the same state gives the same captions.
    """
    seed = int(torch.randint(2**62, ()))
    return _search(decoder, features, count, num_beams=count, temperature=1.0, seed=seed, max_length=max_length)


def greedy(decoder: Decoder, features: Features, max_length: int) -> Int[Tensor, "B 1 T"]:
    """The likeliest word at each step, likewise."""
    return _search(decoder, features, 1, num_beams=1, max_length=max_length)


def _search(decoder: Decoder, features: Features, count: int, **settings: float) -> Int[Tensor, "B K T"]:
    training = decoder.training
    decoder.eval()
    try:
        return n_best(decoder, features, count, **settings).clone()  # outside of inference mode: autograd keeps them
    finally:
        decoder.train(training)
