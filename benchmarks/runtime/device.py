"""The devices of this machine."""

import os
import resource
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch

from benchmarks.runtime.launch import local_rank


def device() -> torch.device:
    """Where models run: this process's GPU, if there are any.

    Raises:
        ValueError: there are fewer than processes.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if (count := torch.cuda.device_count()) <= local_rank():
        raise ValueError(
            f"process {local_rank() + 1} of this machine has no GPU: there are {count}, so lower --devices"
        )
    return torch.device("cuda", local_rank())


def release_memory(device: torch.device) -> None:
    """Give back what torch holds of a device's memory and nothing uses."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_memory(device: torch.device) -> int:
    """Most bytes in use so far: on a GPU by tensors, on a processor by all of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak_memory(device: torch.device) -> None:
    """Have `peak_memory` of a GPU begin anew; of a process there is but one."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def allow_tf32(allowed: bool) -> None:
    """Whether GPUs take products of float32 in TF32, with ten bits of mantissa; torch lets convolutions do it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


@contextmanager
def tf32() -> Iterator[None]:
    """Inside, they do."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    allow_tf32(True)
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def free_memory(device: torch.device) -> int:
    """Bytes that are free in a device's own memory; 0 of a processor, where the system keeps read files by itself.

    What torch holds there and nothing uses is free too.
    """
    if device.type != "cuda":
        return 0
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def restrict_to(numbers: Collection[int]) -> None:
    """Keep this process, with all that it starts, on these cores, with no more threads; none are all of them."""
    if numbers:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, numbers)
        torch.set_num_threads(min(torch.get_num_threads(), len(numbers)))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
