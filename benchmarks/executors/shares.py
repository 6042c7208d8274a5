"""What each of several workers has of one machine."""

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from benchmarks.executors import jobs
from benchmarks.executors.fork_server import ForkServer
from benchmarks.runtime.resources import Resources


def shares(server: ForkServer, resources: Resources, workers: int) -> list[Resources]:
    """The resources of each worker, whose cells have `resources`: GPUs of their own, and cores of their own.

    With 0 workers there are as many as the GPUs are enough for, and one on a processor.

    Raises:
        ValueError: there are fewer cores, or GPUs, than that takes, or `workers` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers={workers} should not be negative")
    devices = resources.launch.local
    if resources.launch.commands > 1 or workers == 1:
        return [resources]
    (gpus,) = server.call(jobs.gpus)
    workers = workers or max(1, gpus // devices)
    if workers == 1:
        return [resources]
    if gpus and workers * devices > gpus:
        raise ValueError(f"workers={workers} with {devices} GPUs for each cell: there are {gpus}")
    cores = _divided(sorted(_cores()), workers)
    if not all(cores):
        raise ValueError(f"workers={workers}: there are {len(_cores())} cores")
    visible = _visible(gpus, os.environ)
    names = [",".join(visible[at * devices : (at + 1) * devices]) for at in range(workers)]
    return [
        replace(resources, workers=workers, cores=tuple(own), gpus=name if gpus else "")
        for own, name in zip(cores, names, strict=True)
    ]


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _divided(cores: list[int], parts: int) -> list[list[int]]:
    """Neighbours together, since they share caches."""
    ends = [len(cores) * part // parts for part in range(parts + 1)]
    return [cores[start:end] for start, end in pairwise(ends)]


def _visible(count: int, environment: Mapping[str, str]) -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the devices that are seen."""
    named = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if named else [str(number) for number in range(count)]
