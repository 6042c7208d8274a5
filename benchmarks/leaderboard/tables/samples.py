"""The samples of a record, read with care: a record may come from anyone, and what does not fit is left out."""

import io
import re
import warnings
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.leaderboard.tables.formatting import clean, link, number
from benchmarks.records.record import RunRecord
from benchmarks.records.samples import PICKS, maps

_PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/]+={0,2})", re.ASCII)
_SIDE = 64  # most places of a map along one side
_PIXELS = 2048  # most of a picture along one side


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG as a data URL, and its size in pixels."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Shown:
    """One image of the test split, as a card shows it.

    pick: "best", "median" or "worst"; score: its CIDEr, raw; link, place: where the image can
    be seen, as a web address or in words; maps: one for each word, or none; non_visual: for
    each word the share of the look that fell on no place of the image, or none.
    """

    image: str
    pick: str
    score: float | None
    words: tuple[str, ...]
    link: str
    place: str
    picture: Picture | None
    references: tuple[str, ...]
    maps: tuple[np.ndarray, ...]
    non_visual: tuple[float, ...]


def shown(record: RunRecord, gallery: Mapping[str, Any]) -> list[Shown]:
    """The samples of `record`, the best first; what it holds back is taken from `gallery`, by image id."""
    found = [_shown(sample, gallery) for sample in _list(record.samples) if isinstance(sample, Mapping)]
    return sorted(
        (sample for sample in found if sample.words and sample.pick in PICKS), key=lambda one: PICKS.index(one.pick)
    )


def _shown(sample: Mapping[str, Any], gallery: Mapping[str, Any]) -> Shown:
    image = clean(sample.get("image", ""))
    held_back = gallery.get(image)
    known = {**(held_back if isinstance(held_back, Mapping) else {}), **sample}
    words = _texts(sample.get("words"))
    source = str(sample.get("source", ""))
    seen = tuple(_maps(sample))
    shares = [number(share) for share in _list(sample.get("non_visual"))]
    non_visual = tuple(min(max(share, 0.0), 1.0) for share in shares if share is not None)
    return Shown(
        image=image,
        pick=str(sample.get("pick")),
        score=number(sample.get("score")),
        words=words,
        link=link(source),
        place="" if link(source) else clean(source),
        picture=_picture(known.get("picture")),
        references=_texts(known.get("references")),
        maps=seen if len(seen) == len(words) else (),
        non_visual=non_visual if len(non_visual) == len(words) == len(seen) else (),
    )


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text for item in _list(value) if isinstance(item, str) and (text := clean(item)))


def _maps(sample: Mapping[str, Any]) -> Iterator[np.ndarray]:
    grid = _list(sample.get("grid"))
    small = len(grid) == 2 and all(isinstance(side, int) and 0 < side <= _SIDE for side in grid)
    peak = number(sample.get("peak"))
    if small and peak is not None and peak >= 0:
        try:
            yield from maps(sample)
        except (ValueError, TypeError):  # no base64, or not as many places as the grid has
            return


def _picture(url: Any) -> Picture | None:
    match = _PICTURE.fullmatch(url) if isinstance(url, str) else None
    if not match:
        return None
    try:
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(b64decode(match[1]))) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        return None
    return Picture(match[0], width, height) if max(width, height) <= _PIXELS else None
