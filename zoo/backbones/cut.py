"""A cut through a backbone that learns in part: the frozen part gives the same for an image in every step.

In front of it is the frozen stem, whose last output can be stored. Behind it is the trainable tail, in which the
frozen modules answer at once: the last one with what was kept and the others with zeros.
That is right where nothing behind the cut uses the zeros; `zoo.backbones.cutting` tries it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from zoo.backbones import Backbone
from zoo.types import Features

WATCHED = 2  # images that a model was shown to find a cut


@dataclass(frozen=True)
class Cut:
    """A cut behind the last of `modules`, the frozen ones in the order of their calls.

    outputs: what the others return, on the meta device.
    shape: of what is kept of an image, in the order of memory.
    channels_last: whether channels were moved to its end for that.
    """

    modules: tuple[str, ...]
    outputs: tuple[Any, ...]
    shape: tuple[int, ...]
    channels_last: bool


@contextmanager
def frozen_stem(backbone: Backbone, cut: Cut) -> Iterator[Callable[[Tensor], Tensor]]:
    """A function from images to what is kept of them, (B, ...), that several threads may call at once.

    Until the end of the context `backbone` can do nothing else.
    """

    def stop(module: nn.Module, inputs: object, output: Tensor) -> None:
        raise _Reached(output)

    def run(images: Tensor) -> Tensor:
        try:
            backbone(images)
        except _Reached as reached:
            return reached.output.permute(0, 2, 3, 1) if cut.channels_last else reached.output
        raise AssertionError(f"{cut.modules[-1]} was not called")

    handle = backbone.get_submodule(cut.modules[-1]).register_forward_hook(stop)
    try:
        yield run
    finally:
        handle.remove()


def trainable_tail(backbone: Backbone, cut: Cut, stem_output: Float[Tensor, "B ..."]) -> Features:
    """The features of images by what `frozen_stem` gave of them; with gradients for all that learns."""
    answers: dict[str, deque[Any]] = defaultdict(deque)
    for name, output in zip(cut.modules, cut.outputs, strict=False):
        answers[name].append(_zeros(output, len(stem_output), stem_output.device))
    values = stem_output.float()
    answers[cut.modules[-1]].append(values.permute(0, 3, 1, 2) if cut.channels_last else values)
    nothing = torch.zeros((), device=stem_output.device).expand(len(stem_output), 3, *backbone.preprocess.size)
    with _answering({backbone.get_submodule(name): given for name, given in answers.items()}):
        features: Features = backbone(nothing)
    return features


class _Reached(Exception):
    """The cut was reached, with this."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


@contextmanager
def _answering(answers: dict[nn.Module, deque[Any]]) -> Iterator[None]:
    """Each module returns what is given here, call by call, and computes again when that is used up."""

    def answer(given: deque[Any], compute: Callable[..., Any], last: bool) -> Callable[..., Any]:
        def forward(*inputs: Any, **options: Any) -> Any:
            if not given:
                return compute(*inputs, **options)
            return given.popleft() if last else inputs[0]

        return forward

    answering = {
        called: answer(given, called.forward, last)
        for module, given in answers.items()
        for called, last in _unrolled(module)
    }
    for module, forward in answering.items():
        vars(module)["forward"] = forward
    try:
        yield
    finally:
        for module in answering:
            del vars(module)["forward"]


def _unrolled(module: nn.Module, *, last: bool = True) -> Iterator[tuple[nn.Module, bool]]:
    """`module`, and what gradient checkpointing calls in place of an `nn.Sequential`: its children, one by one.

    With each comes whether it ends the sequence, and so returns what `module` does.
    """
    yield module, last
    steps = [*module] if isinstance(module, nn.Sequential) else []
    for place, child in enumerate(steps, start=1):
        yield from _unrolled(child, last=last and place == len(steps))


def _zeros(output: Any, images: int, device: torch.device) -> Any:
    """As `output`, of zeros that take no memory, for so many images."""

    def zeros(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        shape = (images, *value.shape[1:]) if value.shape[:1] == (WATCHED,) else value.shape
        return torch.zeros((), dtype=value.dtype, device=device).expand(shape)

    return tree_map(zeros, output)
