"""What of a record contradicts its own request, itself or this version, seen without scoring anything again."""

import math
from collections.abc import Iterator
from statistics import fmean

from benchmarks.data import DATASETS
from benchmarks.records.record import PARTS, SCORES, RunRecord
from benchmarks.records.request import PROTOCOL
from registry import Spec

_TOP = {"CIDEr": 10.0}  # of the other scores it is 1
_CLOSE = 1e-5  # scores per image have six digits


def shareable(record: RunRecord) -> bool:
    """Whether its data set lets pictures and references stand in a record; one that is not known does not."""
    try:
        return bool(getattr(DATASETS[Spec.parse(record.dataset).name], "shareable", False))
    except ValueError:
        return False


def unlike_request(record: RunRecord) -> Iterator[str]:
    """Where a record says something else than the request that its id stands for."""
    recorded = {**record.parts, "seed": record.seed, "dataset": record.dataset}
    for name in PARTS:
        if not record.parts.get(name):
            yield f"it does not say which {name} it has"
    for name, value in recorded.items():
        if record.request.get(name) != value:
            yield f"its {name} is {value!r}, its request says {record.request.get(name)!r}"
    if record.done and record.data.get("fingerprint") != record.request.get("fingerprint"):
        yield "the fingerprint of its data is not that of its request"


def unrepeatable(record: RunRecord) -> Iterator[str]:
    """Why nobody can make the record again with this version."""
    commit = record.environment.get("commit")
    if not commit:
        yield "it does not say with which commit it was made"
    elif str(commit).endswith("+"):
        yield "it was made with changed files (commit with +), so nobody can make it again"
    if record.request.get("protocol") != PROTOCOL:
        yield f"it is of protocol {record.request.get('protocol')!r}, this version has {PROTOCOL}"


def implausible(record: RunRecord) -> Iterator[str]:
    """What no run gives, or contradicts the rest of the record."""
    for name in SCORES:
        if not 0 <= record.scores.get(name, 0.0) <= _TOP.get(name, 1.0):
            yield f"its {name} is {record.scores[name]!r}, which no captions give"
    for name, share in record.diagnostics.items():
        if not 0 <= share <= 1:
            yield f"its {name} is {share!r}, which is no share"
    per_image = record.per_image.get("CIDEr", {})
    if not per_image:
        yield "it has no CIDEr per image, so nothing can be compared with it"
    elif not math.isclose(fmean(per_image.values()), record.scores.get("CIDEr", math.nan), abs_tol=_CLOSE):
        yield f"its CIDEr per image has the mean {fmean(per_image.values()):.6f}, not {record.scores.get('CIDEr')}"
    if record.captions and record.captions.keys() != per_image.keys():
        yield "it has captions of other images than it has scores"
    for name, value in {**record.throughput, "params": record.params}.items():
        if value <= 0:
            yield f"its {name} is {value!r}"
    if not record.weights:
        yield "it does not say where the weights of its backbone came from"
