"""Processes that work on one thing together, each on a device of its own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch._C._distributed_c10d import PrefixStore, TCPStore

from benchmarks.runtime.device import cores
from benchmarks.runtime.launch import LostProcess, local_rank, local_world_size, rank, world_size

_TIMEOUT = timedelta(hours=4)  # the others wait while the first one validates
_BUCKET = 2**25  # bytes that are summed up at a time


class ProcessGroup:
    """One process alone; every sum is its own. `joined` gives one of several."""

    rank, size = 0, 1

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Sum each tensor over the processes, in place; all of them get the same bits."""

    def average(self, tensors: Sequence[Tensor]) -> None:
        """The mean of each tensor over the processes, in place; of whole numbers rounded down."""

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether any process says so, flag by flag; no device waits for it."""
        return flags

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank."""
        return [value]

    def first(self, value: Any) -> Any:
        """The value that the first process has."""
        return value

    def share(self, count: int) -> tuple[int, int]:
        """Which of `count` things are this process's, from and to: none, perhaps."""
        return self.rank * count // self.size, (self.rank + 1) * count // self.size


@contextmanager
def _reaching() -> Iterator[None]:
    """Torch's errors of connections as ours."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        why = str(error).splitlines()[0][:200]
        raise LostProcess(f"another process that trains this cell has ended or cannot be reached ({why})") from error


class _Joined(ProcessGroup):
    """One of several, by torch.distributed: tensors over the devices' links, flags and objects over the network."""

    def __init__(self, hosts: dist.ProcessGroup) -> None:
        self.rank, self.size, self._hosts = dist.get_rank(), dist.get_world_size(), hosts

    @_reaching()
    def sum(self, tensors: Sequence[Tensor]) -> None:
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.detach().flatten() for tensor in bucket])
            dist.all_reduce(flat)
            parts = flat.split([tensor.numel() for tensor in bucket])
            torch._foreach_copy_(bucket, [part.view_as(tensor) for part, tensor in zip(parts, bucket, strict=True)])

    def average(self, tensors: Sequence[Tensor]) -> None:
        self.sum(tensors)
        for tensor in tensors:
            tensor.div_(self.size, rounding_mode=None if tensor.is_floating_point() else "floor")

    @_reaching()
    def any(self, *flags: bool) -> tuple[bool, ...]:
        votes = torch.tensor(flags, dtype=torch.int32)
        dist.all_reduce(votes, dist.ReduceOp.MAX, group=self._hosts)
        return tuple(map(bool, votes.tolist()))

    @_reaching()
    def gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._hosts)
        return values

    @_reaching()
    def first(self, value: Any) -> Any:
        values = [value]
        dist.broadcast_object_list(values, group=self._hosts)
        return values[0]


@contextmanager
def joined(name: str) -> Iterator[ProcessGroup]:
    """The group that the environment describes as `torchrun` does; this process alone where it describes none.

    Those that give the same `name` meet, by the store at MASTER_ADDR. On a processor they share its cores.

    Raises:
        LostProcess: the other processes cannot be reached.
    """
    if world_size() == 1:
        yield ProcessGroup()
        return
    gpu, threads = torch.cuda.is_available(), torch.get_num_threads()
    if gpu:
        torch.cuda.set_device(local_rank())
    else:
        torch.set_num_threads(max(1, cores() // local_world_size()))
    with _reaching():
        store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=_TIMEOUT)
        dist.init_process_group(
            "nccl" if gpu else "gloo",
            store=PrefixStore(name, store),  # one store serves all cells
            rank=rank(),
            world_size=world_size(),
            timeout=_TIMEOUT,
        )
    try:
        hosts = dist.new_group(backend="gloo", timeout=_TIMEOUT)
        assert isinstance(hosts, dist.ProcessGroup)
        yield _Joined(hosts)
    finally:
        dist.destroy_process_group()
        torch.set_num_threads(threads)


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type and some size together, in their order."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and (bucket[0].dtype != tensor.dtype or sum(each.nbytes for each in bucket) > _BUCKET):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
