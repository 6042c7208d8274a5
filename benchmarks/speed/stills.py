"""Any number of images in no space, for caches larger than memory."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from benchmarks.data import Dataset, Example, Prediction

SIDE, PATCH = 56, 8  # 7 x 7 features
_PICTURES = 64


class Stills(Dataset):
    """`count` training images, which show one of a few patterns of noise, each with one caption of ten words."""

    name, split, synthetic, allows_hflip = "stills", "none", True, False

    def __init__(self, count: int) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (_PICTURES, SIDE, SIDE, 3), dtype=np.uint8)
        self._pictures = [Image.fromarray(picture) for picture in noise]
        words = [f"word{number}" for number in range(96)]
        self.train = [
            Example(image, (" ".join(words[(image + place * place) % 96] for place in range(10)),))
            for image in range(count)
        ]
        self.validation: list[Example] = []
        self.test: list[Example] = []
        self.fingerprint = f"stills {count}"

    def load(self, example: Example) -> Image.Image:
        """One of the patterns."""
        return self._pictures[example.image_id % _PICTURES]

    def files(self) -> str:
        """There are none."""
        return ""

    def diagnostics(self, described: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing."""
        return {}
