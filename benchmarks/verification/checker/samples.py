"""Whether the samples of a record are of its captions, and what the picks say they are."""

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.verification.checker.reading import is_count, is_number

_EACH = 2  # samples of each pick
_CLOSE = 1e-5
_ROUNDED = 0.02  # of sums of shares in bfloat16
_KEYS = {
    "image", "pick", "score", "source", "words", "grid", "maps", "peak", "non_visual", "picture", "references",
}  # fmt: skip
_PICTURE = "data:image/"


def samples(record: Mapping[str, Any]) -> Iterator[str]:
    """Words and scores are those of the captions, the maps have their sizes, and the best are the best."""
    each, found = record["per_image"].get("CIDEr", {}), record["samples"]
    if len(found) != min(3 * _EACH, len(each)):
        yield f"it has {len(found)} samples, where a record has two of the best, two of the worst and two between"
    if len({str(sample.get("image")) for sample in found}) < len(found):
        yield "it has two samples of one image"
    for sample in found:
        image = str(sample.get("image"))
        if image not in record["captions"]:
            yield f"its sample of image {image[:20]!r} is of none of its test images"
            continue
        if " ".join(map(str, sample.get("words", ()))) != record["captions"][image]:
            yield f"the words of its sample of image {image} are not the caption"
        score = sample.get("score")
        if not is_number(score) or not math.isclose(score, each.get(image, math.nan), abs_tol=_CLOSE):
            yield f"its sample of image {image} has the score {score!r}, not {each.get(image)}"
        if unknown := sorted(sample.keys() - _KEYS):
            yield f"its sample of image {image} has {unknown[0][:40]!r}, which samples do not have"
        if not str(sample.get("picture", _PICTURE)).startswith(_PICTURE):
            yield f"the picture of its sample of image {image} is not in it: it should be a data URL"
        yield from _maps(sample, image)
    yield from _picks(found, each)


def _maps(sample: Mapping[str, Any], image: str) -> Iterator[str]:
    """One for each word, where the model looks at places at all."""
    if "maps" not in sample:
        return
    grid, words = sample.get("grid"), sample.get("words", ())
    fit = isinstance(grid, list) and len(grid) == 2 and all(map(is_count, grid)) and is_number(sample.get("peak"))
    try:
        size = len(base64.b64decode(sample["maps"], validate=True))
    except (binascii.Error, ValueError, TypeError):
        size = -1
    if not fit or size != math.prod(grid or [0]) * len(words) or not 0 < sample["peak"] <= 1 + _CLOSE:
        yield f"the attention maps of its sample of image {image} are not one for each word"
    elif "non_visual" in sample and not _is_shares(sample["non_visual"], len(words)):
        yield f"the non-visual shares of its sample of image {image} are not one for each word"


def _is_shares(values: Any, count: int) -> bool:
    """So many numbers from 0 to 1, but for rounding."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(is_number(value) and -_ROUNDED <= value <= 1 + _ROUNDED for value in values)
    )


def _picks(found: list[Mapping[str, Any]], each: Mapping[str, float]) -> Iterator[str]:
    """By their scores, since images may tie."""
    order = sorted(each.values(), reverse=True)
    middle = max(0, (len(order) - _EACH) // 2)
    picked = {"best": order[:_EACH], "median": order[middle : middle + _EACH], "worst": order[-_EACH:]}
    if len(order) < 3 * _EACH:
        return
    for pick, expected in picked.items():
        scores = sorted(
            (each.get(str(one.get("image")), -1.0) for one in found if one.get("pick") == pick), reverse=True
        )
        if scores != sorted(expected, reverse=True):
            yield f"its samples called {pick} are others than by its scores"
