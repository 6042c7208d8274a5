"""torch.compile where it pays: on the methods a decoder runs for every token or layer, in training."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import nn


def compile_steps(decoder: nn.Module) -> None:
    """Have torch compile the methods that modules of `decoder` name in ``repeats``, a tuple of names.

    They compute the same up to rounding, and are compiled when first called. A loop over
    words as a whole would be compiled anew for every length. Without gradients they run as
    they are: torch keeps few compiled forms of a method, and those of the many shapes of a
    search would push out the ones that training needs. For the same reason what was compiled
    for other decoders is forgotten. Weights and their names stay.

    Raises:
        ValueError: no module names a method.
        InductorError: when first called, where torch finds no C++ compiler; a RuntimeError.
    """
    named = [(module, name) for module in decoder.modules() for name in _repeats(module)]
    if not named:
        raise ValueError(
            f"{type(decoder).__name__} has nothing to compile: name the method that it runs for every word or layer "
            'in its class, repeats = ("step",), or leave compile out'
        )
    torch.compiler.reset()
    for module, name in named:
        setattr(module, name, _compiled_in_training(getattr(module, name)))


def _repeats(module: nn.Module) -> tuple[str, ...]:
    """The method names in its ``repeats``; anything but a tuple of strings is ignored."""
    names = getattr(module, "repeats", ())
    return names if isinstance(names, tuple) and all(isinstance(name, str) for name in names) else ()


def _compiled_in_training(method: Callable[..., Any]) -> Callable[..., Any]:
    compiled = torch.compile(method, dynamic=True)

    @wraps(method)
    def run(*arguments: Any, **options: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else method)(*arguments, **options)

    return run
