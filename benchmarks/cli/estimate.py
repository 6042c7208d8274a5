"""What the cells of a plan cost on this machine, printed as it is measured."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from jsonargparse import Namespace

from benchmarks.cell.cost import Cost, Stage, combined
from benchmarks.cli.execution_args import executor_of
from benchmarks.executors import jobs
from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.shares import shares
from benchmarks.runtime.launch import Launch
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.text import plain

if TYPE_CHECKING:
    from benchmarks.plan.cell import Cell
    from benchmarks.plan.matrix import Plan

_UNITS = (("days", 86400.0), ("h", 3600.0), ("min", 60.0))


def print_estimate(server: ForkServer, plan: "Plan", cells: "Sequence[Cell]", options: Namespace) -> int:
    """Measure each combination of parts once, whatever its seeds, and print its cost and that of all; the exit code.

    It has the cores that one of the local executor's workers has; with others cells are counted one after another.

    Raises:
        ValueError: `options` ask for no step, for parts of a negative size, or for more workers than there are cores.
    """
    steps, devices = options.dry_run, options.devices * options.nodes
    if steps < 0:
        raise ValueError(f"--dry-run {steps} should be a number of steps, such as 5")
    launch, executor = Launch(local=options.devices, world=devices), executor_of(options)
    resources = Resources(launch, options.micro_batch, options.grad_checkpointing)
    workers = shares(server, resources, int(executor.options.get("workers", 0)) if executor.name == "local" else 1)
    resources = replace(workers[0], launch=Launch())  # what is measured is one device
    single = [cell for cell in cells if not cell.members]
    seeds = [list(group) for _, group in groupby(single, lambda cell: tuple(cell.parts.values()))]
    firsts = [group[0] for group in seeds]
    costs = _costs(server, firsts, tuple(plan.plugins), resources, steps, devices)
    found: list[tuple[Cost, int]] = []
    encodings: dict[str, Stage] = {}
    for group, cost in zip(seeds, costs, strict=True):
        if isinstance(cost, str):
            print(f"{' + '.join(group[0].parts.values())}: not measured: {plain(cost)}")
            continue
        backbone = group[0].parts["backbone"]
        if backbone not in encodings:
            encodings[backbone] = cost.encode
            print(
                f"{backbone}: encode {cost.encode.units:,} images {_about(cost.encode)}, {_size(cost.stored)} on disk"
            )
        print(_line(group[0], cost, len(group)), flush=True)
        found.append((cost, len(group)))
    if found:
        print(_whole(found, list(encodings.values()), devices, len(workers)))
    if len(single) < len(cells):
        print(f"Ensembles, {len(cells) - len(single)}, are not counted: each captions as long as its members together.")
    return 0 if len(found) == len(seeds) else 1


def _costs(
    server: ForkServer,
    cells: "Sequence[Cell]",
    plugins: tuple[str, ...],
    resources: Resources,
    steps: int,
    devices: int,
) -> "Iterator[Cost | str]":
    """What each cell costs, or why it was not measured; cells after one that kills its process get a new process."""
    left = list(cells)
    while left:
        job = (jobs.estimated, tuple(left), plugins, resources, steps, devices)
        try:
            for cost in server.call(*job, environment=resources.environment()):
                del left[0]
                yield cost
        except ProcessDied as died:
            if left:  # it may die after its last answer
                del left[0]
                yield f"when it was measured, {died}"


def _line(cell: "Cell", cost: Cost, seeds: int) -> str:
    stages = (
        f"train {cost.epochs} x {_about(cost.train)}, validate {cost.epochs} x {_about(cost.validate)}, "
        f"caption {_about(cost.caption)}"
    )
    memory = f", {_size(cost.memory)} of the GPU's memory" if cost.memory else ""
    several = f" for each of {seeds} seeds" if seeds > 1 else ""
    return f"  {cell.parts['attention']} + {cell.parts['decoder']}: {stages}: {_time(cost.seconds)}{several}{memory}"


def _whole(found: Sequence[tuple[Cost, int]], encodings: Sequence[Stage], devices: int, workers: int) -> str:
    runs = sum(seeds for _, seeds in found)
    workers = min(workers, runs)
    seconds = sum(stage.seconds for stage in encodings) + _longest(found, workers)
    error = combined([*(stage.error for stage in encodings), *(seeds * cost.error / workers for cost, seeds in found)])
    order = f"{workers} at once" if workers > 1 else "one after another"
    counts = [len(stage.samples) for cost, _ in found for stage in (cost.train, cost.validate, cost.caption)]
    counts += [len(stage.samples) for stage in encodings]
    steps = str(max(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    shared = f"\nEach training step is shared by {devices} devices, without what they exchange." if devices > 1 else ""
    return (
        f"about {_time(seconds)} for {runs} cells, {order}, +- {_time(2 * error)} (two standard errors, "
        f"from {steps} steps of each stage), on {plain(found[0][0].device)}.{shared}\n"
        "Not in it: the start, reading what is stored, scores, speeds, what cells at once cost each other. Captions "
        "are as long as `max_length` allows. Encoding is counted even where the cache has the images."
    )


def _longest(found: Sequence[tuple[Cost, int]], workers: int) -> float:
    """Seconds until the last of so many workers is done, each of which takes the next cell when it is free."""
    busy = [0.0] * workers
    for cost, seeds in found:
        for _ in range(seeds):
            heapq.heapreplace(busy, busy[0] + cost.seconds)
    return max(busy)


def _about(stage: Stage) -> str:
    return _time(stage.seconds)


def _time(seconds: float) -> str:
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
