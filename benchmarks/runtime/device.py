"""The devices of this machine."""

import os

import torch


def device() -> torch.device:
    """Where models run: the first GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def free_memory(device: torch.device) -> int:
    """Bytes that are free in a device's own memory; 0 of a processor, where the system keeps read files by itself.

    What torch holds there and nothing uses is free too.
    """
    if device.type != "cuda":
        return 0
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
