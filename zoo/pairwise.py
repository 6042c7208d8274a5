"""A function of all pairs of queries and keys, of which only a chunk is in memory at a time."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import count, repeat
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

__all__ = ["pairwise"]

Answer = TypeVar("Answer", Tensor, tuple[Tensor, ...])

_SMALL = 2**22  # elements: 16 MB of float32
_CACHED = 2**19  # fits a processor's cache; and blocks of 16 MB that come and go among small ones fragment its memory
_ACCELERATOR = 2**25  # a kernel then takes far longer than its launch


def pairwise(
    function: Callable[..., Answer],
    queries: Float[Tensor, "B M Q"],
    keys: Float[Tensor, "B N A"],
    *images: Tensor | None,
    chunk: int = _SMALL,
) -> Answer:
    """`function(queries, keys, *images)` in chunks, which backward recomputes instead of saving what they took.

    So an additive attention never holds a large (B, M, N, A) in full, in training neither (Chen et al., 2016,
    https://arxiv.org/abs/1604.06174). A score v . tanh(W q + key) is::

        pairwise(lambda q, k: (q[:, :, None] + k[:, None]).tanh() @ self.v, self.W(query), keys)

    A call of at most 2**22 elements saves what `function` saves: recomputing would cost a recurrent decoder more time
    than it is worth. Compiled code computes and recomputes all at once; exported code is `function`.

    Args:
        function: maps queries (b, m, Q) of some images, with keys and `images` of these, to (b, m, ...). It treats
            queries independently and draws no random numbers. Parameters that it closes over get their gradients.
        queries: M per image.
        keys: N per image.
        images: what else it takes, by image; None stays None.
        chunk: elements of (b, m, N, A) per chunk of a small call on a processor. Larger calls take 2**19 at most, and
            divide the queries of one image only where these exceed 2**22; other devices take 2**25.

    Raises:
        RuntimeError: in backward, where an input, or a weight that `function` uses, was changed after the forward pass.
    """
    if torch.compiler.is_compiling():
        if torch.compiler.is_exporting() or not torch.is_grad_enabled():
            return function(queries, keys, *images)
        return checkpoint(function, queries, keys, *images, use_reentrant=False)
    elements = keys.shape[1] * keys.shape[2]  # of one query
    of_image = queries.shape[1] * elements
    large = queries.shape[0] * of_image > _SMALL
    if keys.device.type != "cpu":
        chunk = _ACCELERATOR
    elif large:
        chunk = min(chunk, _CACHED)
    some_images = max(1, chunk // max(1, of_image))
    some_queries = max(1, chunk // elements) if of_image > max(chunk, _SMALL) else queries.shape[1]
    compute = partial(_recomputed, function) if large and torch.is_grad_enabled() else function
    parts = (repeat(None) if image is None else _split(image, some_images, 0) for image in (keys, *images))
    rows = [
        _cat([compute(some, *rest) for some in _split(row, some_queries, 1)], 1)
        for row, *rest in zip(_split(queries, some_images, 0), *parts, strict=False)
    ]
    return _cat(rows, 0)


def _split(tensor: Tensor, size: int, dim: int) -> Sequence[Tensor]:
    return (tensor,) if tensor.shape[dim] <= size else tensor.split(size, dim)


def _cat(answers: list[Answer], dim: int) -> Answer:
    if len(answers) == 1:
        return answers[0]
    if isinstance(answers[0], Tensor):
        return torch.cat(answers, dim)
    return tuple(torch.cat(tensors, dim) for tensors in zip(*answers, strict=True))


def _recomputed(function: Callable[..., Answer], *inputs: Tensor | None) -> Answer:
    recomputation = _Recomputation(function, inputs)
    with saved_tensors_hooks(recomputation.pack, recomputation.unpack):
        return function(*inputs)


class _Recomputation:
    """Keeps the inputs of `function` in place of what autograd would save, and computes that again in backward.

    The graph is that of `function`, so gradients are the same to the last bit. torch.utils.checkpoint does this too,
    with three times the overhead, which a recurrent decoder pays at every step.
    """

    def __init__(self, function: Callable[..., object], inputs: Sequence[Tensor | None]) -> None:
        self.function, self.inputs, self.versions = function, inputs, _versions(inputs)
        device = next(x.device.type for x in inputs if x is not None)
        self.autocast = (
            partial(torch.autocast, device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
            if torch.amp.is_autocast_available(device)
            else nullcontext
        )
        self.places, self.saved = count(), dict[int, Tensor]()
        self.packed: list[int] = []  # versions: of what `function` makes they are the same again

    def pack(self, tensor: Tensor) -> int:
        """In forward: the place of a tensor, which is dropped."""
        self.packed += _versions([tensor])
        return next(self.places)

    def unpack(self, place: int) -> Tensor:
        """In backward: the tensor of that place."""
        if place not in self.saved:
            self._recompute()
        return self.saved.pop(place)

    def _recompute(self) -> None:
        inputs = [x if x is None else x.detach().requires_grad_(x.requires_grad) for x in self.inputs]
        places, packed = count(), list[int]()

        def keep(tensor: Tensor) -> None:
            packed.extend(_versions([tensor]))
            self.saved[next(places)] = tensor.detach()

        with torch.enable_grad(), self.autocast(), saved_tensors_hooks(keep, lambda nothing: nothing):
            self.function(*inputs)
        if _versions(self.inputs) != self.versions or packed != self.packed:
            raise RuntimeError("an input of pairwise or a weight was changed, and backward needs it as it was")
        # What this backward does not ask for would stay as long as the graph.
        torch.autograd.Variable._execution_engine.queue_callback(self.saved.clear)


def _versions(inputs: Sequence[Tensor | None]) -> list[int]:
    return [0 if x.is_inference() else x._version for x in inputs if x is not None]
