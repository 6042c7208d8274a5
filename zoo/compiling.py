"""torch.compile where it pays: on what a decoder repeats for every word or layer."""

import torch
from torch import nn


def compile_steps(decoder: nn.Module) -> None:
    """Have torch compile the methods that modules of `decoder` name in ``repeats``.

    They compute the same up to rounding, and are compiled when first called. A loop over
    words as a whole would be compiled anew for every length. Weights and their names stay.

    Raises:
        InductorError: when first called, where torch finds no C++ compiler; a RuntimeError.
    """
    for module in decoder.modules():
        for name in getattr(module, "repeats", ()):
            setattr(module, name, torch.compile(getattr(module, name)))
