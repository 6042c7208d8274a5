"""What operations of the pretended device would cost on a GPU, and which of our lines asked for them."""

import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from pretended_device import NAME, PretendedTensor, tensors, unwrapped, wrapped
from torch.utils._python_dispatch import TorchDispatchMode

_ROOT = Path(__file__).parents[1]
_ROOMS = ("registry", "zoo", "benchmarks", "tests")
_OWN = {_ROOT / "tests" / name for name in ("pretended_device.py", "device_watch.py", "cuda_autocast.py")}
aten = torch.ops.aten
_COPIES = {aten._to_copy, aten.copy_}
_INDEXING = {aten.index, aten._unsafe_index, aten.index_put, aten.index_put_, aten._index_put_impl_}
_WAITING = {aten.multinomial}  # CUDA's looks twice whether its input makes sense
_WAITING_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_watches: list["Watch"] = []


class MixedDevices(RuntimeError):
    """An operation got tensors of both the processor and the device."""


class Event(NamedTuple):
    """What an operation costs beside its work.

    kind: "wait" for the device, "copy" to it that blocks, or "non_blocking" copy.
    line: of ours, "zoo/types.py:7: its source".
    """

    kind: str
    op: str
    line: str


class Watch(TorchDispatchMode):
    """Runs the device's operations on the processor, and notes their events.

    `kernels` counts the operations that would launch one, so no views. A line of backward is that of forward.

    Raises:
        MixedDevices: inside, where an operation gets tensors of both; one without dimensions is a scalar.
    """

    def __init__(self):
        super().__init__()
        self.kernels, self.events = 0, Counter()
        self._lines = {}  # by the number of autograd's node

    def __enter__(self):
        _watches.append(self)
        return super().__enter__()

    def __exit__(self, *exception):
        _watches.remove(self)
        return super().__exit__(*exception)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [*tensors(args), *tensors(kwargs.values())]
        wrappers = {id(each.inner): each for each in inputs if isinstance(each, PretendedTensor)}
        device = kwargs.get("device")
        on_device = bool(wrappers) if device is None else device.type == NAME
        if not wrappers and not on_device:
            return func(*args, **kwargs)
        if _is_composite(func):  # inference mode leaves it whole
            with self:
                return func.decompose(*args, **kwargs)
        line = self.line()
        self.kernels += not _is_view(func)
        if kind := _kind(func, args, kwargs, on_device):
            self.events[Event(kind, str(func), line)] += 1
        if any(map(_on_host, inputs)) and not _takes_both(func, args):
            raise MixedDevices(f"{line}: {func} mixes devices: {', '.join(str(each.device) for each in inputs)}")
        if device is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        result = func(*map(unwrapped, args), **{name: unwrapped(value) for name, value in kwargs.items()})
        return wrapped(result, wrappers) if on_device else result

    def line(self):
        """Our line that runs; in backward, where none does, the one that made the node."""
        frame = sys._getframe(2)
        while frame is not None and not _is_ours(frame.f_code.co_filename):
            frame = frame.f_back
        node = torch._C._current_autograd_node()
        if frame is None:
            return self._lines.get(node._sequence_nr(), node.name()) if node else "outside of our code"
        line = _spelled(frame.f_code.co_filename, frame.f_lineno)
        if node is None:
            self._lines.setdefault(torch._C._autograd._get_sequence_nr() - 1, line)
        return line


def blocking_copy():
    """Note one at the line that runs."""
    watch = _watches[-1]
    watch.events[Event("copy", str(aten.copy_.default), watch.line())] += 1


def _kind(func, args, kwargs, on_device):
    """Of the operation's event; None where it only works."""
    packet = func.overloadpacket
    if packet in _COPIES:
        return _kind_of_copy(packet, args, kwargs, on_device)
    if packet in _INDEXING:
        indices = [each for each in args[1] if each is not None]
        if any(each.dtype in (torch.bool, torch.uint8) for each in indices):
            return "wait"
        return "copy" if any(map(_on_host, indices)) else None
    return "wait" if _waits(func) else None


def _kind_of_copy(packet, args, kwargs, on_device):
    in_place = packet is aten.copy_
    from_device = isinstance(args[1] if in_place else args[0], PretendedTensor)
    if from_device == (isinstance(args[0], PretendedTensor) if in_place else on_device):
        return None
    if kwargs.get("non_blocking") or (in_place and any(args[2:])):
        return "non_blocking"
    return "wait" if from_device else "copy"


def _takes_both(func, args):
    """Copies do, and an index may be on the processor."""
    packet = func.overloadpacket
    return packet in _COPIES or (packet in _INDEXING and not any(map(_on_host, tensors([*args[:1], *args[2:]]))))


def _on_host(tensor):
    return tensor.ndim > 0 and not isinstance(tensor, PretendedTensor)


@cache
def _waits(func):
    return func.overloadpacket in _WAITING or bool(_WAITING_TAGS & set(func.tags))


@cache
def _is_view(func):
    return any(each.alias_info and not each.alias_info.is_write for each in func._schema.returns)


@cache
def _is_composite(func):
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


@cache
def _is_ours(file):
    path = Path(file)
    return any(path.is_relative_to(_ROOT / room) for room in _ROOMS) and path not in _OWN


@cache
def _spelled(file, number):
    return f"{Path(file).relative_to(_ROOT)}:{number}: {Path(file).read_text().splitlines()[number - 1].strip()}"
