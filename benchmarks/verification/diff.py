"""Two records of one request, side by side, in words and numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.data.formats.coco_json import read_results
from benchmarks.records.record import CAPTIONS, FILE, RunRecord

_OF_A_RUN = {"encoder", "encoder_timed", "resumed", "micro_batch", "processes", "workers"}


def captions_of(record: RunRecord, place: Path) -> dict[str, str]:
    """Image id -> caption: the record's own, or else those of the file beside it; empty where there are neither.

    Raises:
        ValueError: that file is something else.
    """
    if record.captions:
        return dict(record.captions)
    folder = place.parent if place.name == FILE else place
    found = read_results(folder / CAPTIONS) if (folder / CAPTIONS).is_file() else {}
    return {str(image): caption for image, caption in found.items()}


def environments(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing of the machine and the software that differs; how a run went is known after it."""
    for key in sorted((old.keys() | new.keys()) - _OF_A_RUN):
        if old.get(key) != new.get(key):
            yield f"{key!r}: {old.get(key)!r} in the record, {new.get(key)!r} here"


def table(old: RunRecord, new: RunRecord) -> Iterator[str]:
    """Every score, check and rate: as it was, as it is, and the difference, "0" where it is none at all."""
    yield f"{'':24} {'record':>12} {'here':>12} {'difference':>12}"
    for field, digits in (("scores", 5), ("diagnostics", 5), ("throughput", 1)):
        one, other = getattr(old, field), getattr(new, field)
        for name in sorted(one.keys() | other.keys()):
            cells = [f"{side[name]:.{digits}f}" if name in side else "-" for side in (one, other)]
            change = "-"
            if name in one and name in other:
                change = "0" if one[name] == other[name] else f"{other[name] - one[name]:+.{digits}f}"
            yield f"{ascii(name)[1:-1]:24} {cells[0]:>12} {cells[1]:>12} {change:>12}"


def verdict(old: RunRecord, new: RunRecord, captions: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Whether captions, the old and the new ones, and scores are the same, and what a difference is worth."""
    yield _captions(*captions)
    if old.signature != new.signature:
        yield f"Scores: made otherwise, {old.signature!r} and {new.signature!r}, and not to be compared."
    elif old.scores == new.scores:
        yield "Scores: identical."
    elif "CIDEr" not in old.scores or "CIDEr" not in new.scores:
        yield "Scores: they differ."
    else:
        yield _cider(old, new)


def standard_error(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Of the mean difference between two scores per image, over the images: what a paired bootstrap converges to.

    None where they share less than two images.
    """
    gaps = [other[image] - one[image] for image in one.keys() & other.keys()]
    if len(gaps) < 2:
        return None
    mean = math.fsum(gaps) / len(gaps)
    return math.sqrt(math.fsum((gap - mean) ** 2 for gap in gaps)) / len(gaps)


def _captions(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    if not old:
        return "Captions: the record holds none to compare with."
    differ = sorted(image for image in old.keys() | new.keys() if old.get(image) != new.get(image))
    if not differ:
        return f"Captions: all {len(old)} are identical."
    first = differ[0]
    return (
        f"Captions: {len(differ)} of {len(old)} differ, image {first!r} for example: "
        f"{old.get(first)!r}, here {new.get(first)!r}."
    )


def _cider(old: RunRecord, new: RunRecord) -> str:
    error = standard_error(*(side.per_image.get("CIDEr", {}) for side in (old, new)))
    worth = "not known" if error is None else f"{error:.5f}"
    return (
        f"Scores: they differ, CIDEr by {new.scores['CIDEr'] - old.scores['CIDEr']:+.5f}. The standard error of this "
        f"difference over the test images is {worth}. Rounding that differs between machines or versions grows in "
        "training, and moves a score as another seed would: two runs cannot tell by how much."
    )
