"""How fast backbones encode: one rate for all rows of a table that have the same one, since it is the same work."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.leaderboard.tables.formatting import number
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.records.record import RunRecord, canonical

Timed = Mapping[Hardware, Sequence[RunRecord]]  # the runs of a row, by place
_RATE = "encode_images_per_sec"


def encode_rates(rows: Iterable[Timed]) -> list[dict[Hardware, float]]:
    """Images per second through each row's backbone, by place: the median of what was timed there, of any row.

    A process times a frozen backbone once, for all of its runs; equal rates are such a one. A row has no rate where
    one of its own runs has none.
    """
    rows, timings = list(rows), defaultdict[tuple[Any, ...], set[float]](set)
    for timed in rows:
        for place, runs in timed.items():
            for run in runs:
                timings[_work(run, place)].update(_rate(run))
    medians = {work: median(rates) for work, rates in timings.items() if rates}
    return [
        {place: medians[_work(runs[0], place)] for place, runs in timed.items() if all(map(_rate, runs))}
        for timed in rows
    ]


def _rate(run: RunRecord) -> list[float]:
    rate = number(run.throughput.get(_RATE))
    return [rate] if rate and rate > 0 else []


def _work(run: RunRecord, place: Hardware) -> tuple[Any, ...]:
    """What runs have alike whose backbones do the same; of an ensemble each member may have its own."""
    sources = run.request.get("sources")
    named = sources.items() if isinstance(sources, Mapping) else ()
    return (
        place,
        run.parts.get("backbone", ""),
        canonical({name: code for name, code in named if name.startswith("backbone")}),
        number(run.flops.get("encode")),
        str(run.environment.get("encoder", "")),
    )
