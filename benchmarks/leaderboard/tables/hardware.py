"""Where a run was timed, and what else its environment says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from benchmarks.records.record import RunRecord


class Hardware(NamedTuple):
    """What a speed depends on beside the model. Library versions do not part places: the page lists all of them."""

    device: str
    processor: str
    threads: str
    workers: str  # cells that ran on the machine at once; empty where it was this one alone
    batch: str
    precision: str

    @classmethod
    def of(cls, run: RunRecord) -> "Hardware":
        """Where `run` was timed."""
        device, processor, threads, workers = (str(run.environment.get(name, "")) for name in cls._fields[:4])
        timing = run.timing.get("beam_images_per_sec", {})
        batch = str(timing.get("items", "")) if isinstance(timing, Mapping) else ""
        decoding = run.request.get("decoding", {})
        precision = decoding.get("precision", "float32") if isinstance(decoding, Mapping) else ""
        return cls(device, processor, threads, workers, batch, str(precision))


def versions(runs: Iterable[RunRecord]) -> dict[str, list[str]]:
    """All else that the environments of the runs say, with every value that occurs."""
    found: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for name, value in leaves(run.environment):
            if name not in Hardware._fields:
                found[name].add(value)
    return {name: sorted(found[name]) for name in sorted(found)}


def leaves(value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The innermost names and values of nested mappings."""
    for name in sorted(value):
        if isinstance(value[name], Mapping):
            yield from leaves(value[name])
        elif value[name] is not None:
            yield name, str(value[name])
