"""Building a model of whose sizes nobody knows where they come from: it is stopped before it fills memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules import module as torch_modules


class TooLarge(ValueError):
    """A model has more numbers, or more tensors, than it may."""


@contextmanager
def at_most(numbers: int, tensors: int) -> Iterator[None]:
    """Inside, this thread builds modules of so many parameters and buffers altogether; on the meta device, of any.

    Each counts when its module gets it. Until then its memory is only reserved, and nothing is written there.

    Raises:
        TooLarge: inside, where there is one more.
    """
    thread, count, size = threading.get_ident(), 0, 0

    def register(owner: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal count, size
        if threading.get_ident() != thread or tensor is None or tensor.is_meta:
            return
        count, size = count + 1, size + tensor.numel()
        if count > tensors or size > numbers:
            where = f"{type(owner).__name__}.{name}"
            raise TooLarge(f"with {where} they would be more than {numbers:,} numbers or {tensors:,} tensors")

    handles = (
        torch_modules.register_module_parameter_registration_hook(register),
        torch_modules.register_module_buffer_registration_hook(register),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
