"""JPEG files to decode: photographs, or drawings that are as hard to decode."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.data import Dataset
from benchmarks.data.folder import Folder

_SIDES = (640, 480)
_QUALITY = 90


class Photographs(NamedTuple):
    """A data set of JPEG files, and what they are."""

    dataset: Dataset
    description: str

    @classmethod
    def gathered(cls, folder: Path, count: int, source: Path | None) -> "Photographs":
        """So many in the empty `folder`: the first JPEG files below `source`, or drawn ones where that is None.

        Raises:
            ValueError: there are not so many.
        """
        files = drawn() if source is None else (file.read_bytes() for file in sorted(source.rglob("*.jpg")))
        rows = []
        for number, data in enumerate(itertools.islice(files, count)):
            split = ("validation", "test")[number] if number < 2 else "train"
            rows.append({"image": f"{number:05}.jpg", "caption": "a view", "split": split})
            (folder / f"{number:05}.jpg").write_bytes(data)
        if len(rows) < count:
            raise ValueError(f"{source} has {len(rows)} files that end in .jpg, and {count} are needed")
        (folder / "captions.json").write_text(json.dumps(rows))
        drawn_ones = f"drawn pictures of {_SIDES[0]} x {_SIDES[1]} pixels, JPEG of quality {_QUALITY}"
        return cls(Folder(root=str(folder)), f"{count} {drawn_ones if source is None else 'photographs'}")


def drawn() -> Iterator[bytes]:
    """JPEG files of 640 x 480 pixels, the same ones in every run: soft shapes in all sizes under fine noise."""
    random = np.random.default_rng(0)
    width, height = _SIDES
    while True:
        picture = np.zeros((height, width, 3), dtype=np.float32)
        for cells in (3, 12, 48):
            coarse = random.integers(0, 256, (cells, cells + cells // 3, 3), dtype=np.uint8)
            picture += np.asarray(Image.fromarray(coarse).resize(_SIDES, Image.Resampling.BICUBIC), dtype=np.float32)
        noisy = picture / 3 + random.normal(0, 6, picture.shape)
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=_QUALITY)
        yield data.getvalue()
