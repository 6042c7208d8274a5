"""A device that is only pretended, to find on a processor what would fail or wait on a GPU.

A tensor on it says `pretended:0` and holds a tensor of the processor; a `device_watch.Watch` runs every
operation on what is inside. torch's dispatcher takes it for another device (PrivateUse1), so autograd,
autocast and the optimizers treat it as one. It has no kernels of its own and tells nothing about speed.
"""

import torch
from torch.optim import optimizer
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretended"


class PretendedTensor(torch.Tensor):
    """A tensor that says it is on the device; its values are in `inner`."""

    @staticmethod
    def __new__(cls, inner):
        options = {"dtype": inner.dtype, "device": f"{NAME}:0", "storage_offset": inner.storage_offset()}
        with torch._C._InferenceMode(False):  # a view of a weight is no inference tensor
            return torch.Tensor._make_wrapper_subclass(cls, inner.shape, strides=inner.stride(), **options)

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):  # torch's own refuses subclasses
        return self.cpu().tolist()

    def __repr__(self):
        return f"PretendedTensor({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} ran outside of a Watch")


def register(blocking_copy):
    """Make the device known to torch for the rest of this process; the returned library should be kept.

    torch.tensor(..., device=...) passes by every mode: `blocking_copy` is called for it.
    """
    _setup_privateuseone_for_python_backend(NAME, _Module())
    optimizer._foreach_supported_types.append(PretendedTensor)  # as on CUDA, one kernel for all parameters
    torch.Generator = _Generator

    def empty_strided(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
        return PretendedTensor(torch.empty_strided(size, stride, dtype=dtype))

    def copy_(self, source, non_blocking=False):
        blocking_copy()
        self.inner.copy_(source)
        return self

    library = torch.library.Library("aten", "IMPL")
    for kernel in (empty_strided, copy_):
        library.impl(kernel.__name__, kernel, "PrivateUse1")
    return library


class _Module(_DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


class _Generator(torch.Generator):
    """On the processor, whatever the device: torch has none for a device in Python."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls, "cpu")


def tensors(values):
    """Those among an operation's arguments, also in lists."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors(value)


def unwrapped(value):
    """An argument as the processor takes it."""
    if isinstance(value, PretendedTensor):
        return value.inner
    return type(value)(map(unwrapped, value)) if type(value) in (list, tuple) else value


def wrapped(value, wrappers):
    """A result on the device; what the operation changed in place is the tensor that it got, one of `wrappers`."""
    if isinstance(value, torch.Tensor):
        return wrappers[id(value)] if id(value) in wrappers else PretendedTensor(value)
    return type(value)(wrapped(each, wrappers) for each in value) if isinstance(value, list | tuple) else value
