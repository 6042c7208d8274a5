"""The embedded data set: synthetic scenes, whose captions can be scored word by word."""

import hashlib
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.data import DATASETS, Dataset, Example, Prediction
from benchmarks.data.synthetic.accuracy import accuracy
from benchmarks.data.synthetic.drawing import VERSION, draw
from benchmarks.data.synthetic.grammar import captions
from benchmarks.data.synthetic.scene import Scene, sample

if TYPE_CHECKING:
    from PIL import Image

_SPLITS = 3  # every third id belongs to the same split, however many there are of each
_MOST = 1_000_000  # images of a split
_LARGEST = 4096
_LEAST = 32  # pixels of a side, or a small star is a blot


@DATASETS.register("scenes")
class Scenes(Dataset):
    """Drawn shapes in five captions each, made on the spot.

    Two things side by side, or groups to be counted: nothing that the average over an
    image could tell. An image depends on `seed` and its id alone, so a split is the
    beginning of any larger one.

    Options:
        train, validation, test: images in each split.
        seed: of scenes and captions.
        size: of an image's side, in pixels.

    Raises:
        ValueError: a split would be empty, or beyond what can be meant, or `size` is below 32.
    """

    name = "scenes"
    split = "test"
    synthetic = True
    allows_hflip = False  # left would be right
    shareable = True

    def __init__(
        self, *, train: int = 3000, validation: int = 300, test: int = 500, seed: int = 0, size: int = 64
    ) -> None:
        images = (train, validation, test)
        if min(images) < 1 or size < _LEAST:
            raise ValueError(
                f"scenes needs an image in every split and {_LEAST} pixels a side, "
                f"not train={train}, validation={validation}, test={test}, size={size}"
            )
        if max(images) > _MOST or size > _LARGEST:
            raise ValueError(
                f"scenes(train={train}, validation={validation}, test={test}, size={size}) is too much to make: "
                f"at most {_MOST:,} images in a split, of {_LARGEST} pixels a side"
            )
        self.seed, self.size = seed, size
        parts = [
            [self._example(first + _SPLITS * index) for index in range(count)] for first, count in enumerate(images)
        ]
        self.train, self.validation, self.test = parts
        content = [VERSION, size, *((each.image_id, each.captions) for part in parts for each in part)]
        self.fingerprint = hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    def scene(self, image_id: int) -> Scene:
        """What the image of that id shows."""
        return sample(self._rng(image_id))

    def load(self, example: Example) -> "Image.Image":
        """Draw the picture, in RGB."""
        return draw(self.scene(example.image_id), self.size)

    def files(self) -> str:
        """There are none: the fingerprint tells all."""
        return ""

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Scores slot by slot, and of pointing: see `benchmarks.data.synthetic.accuracy`."""
        return accuracy((self.scene(image_id), prediction) for image_id, prediction in predictions.items())

    def _example(self, image_id: int) -> Example:
        rng = self._rng(image_id)
        return Example(image_id, captions(sample(rng), rng))

    def _rng(self, image_id: int) -> random.Random:
        return random.Random(f"{self.seed} {image_id}")
