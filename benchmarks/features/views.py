"""The views of an image that a store holds: the whole picture, random crops of it, and each of these mirrored."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from PIL import Image

from benchmarks.data import Dataset

_MOST_LOG_ASPECT = math.log(4 / 3)


def crop_box(size: tuple[int, int], drawn: Sequence[float], least: float) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random resized crop of a picture of `size` (height, width).

    Inception's crop (Szegedy et al. 2015, section 6), as torchvision's `RandomResizedCrop` has it: at least `least`
    of the area, and an aspect ratio within 3/4 and 4/3 of the picture's, uniform in its logarithm among those for
    which the crop lies in the picture. `drawn` are four numbers in [0, 1).
    """
    height, width = size
    area = least + (1 - least) * drawn[0]
    aspect = math.exp((2 * drawn[1] - 1) * min(_MOST_LOG_ASPECT, -math.log(area)))
    rows = max(1, round(height * math.sqrt(area / aspect)))
    columns = max(1, round(width * math.sqrt(area * aspect)))
    return int(drawn[2] * (height - rows + 1)), int(drawn[3] * (width - columns + 1)), rows, columns


@dataclass(frozen=True)
class Views:
    """Which there are: the whole picture, `crops` of at least `crop_scale` of its area; with `hflip` each mirrored too.

    A view and its mirrored one are neighbours, and the whole picture comes first. Training images have them all, those
    of the other splits the whole picture alone.
    """

    hflip: bool = False
    crops: int = 0
    crop_scale: float = 1.0

    @property
    def count(self) -> int:
        """Of each training image."""
        return (1 + self.crops) * (1 + self.hflip)

    def total(self, dataset: Dataset) -> int:
        """Rows of all images."""
        return self.count * len(dataset.train) + len(dataset.validation) + len(dataset.test)

    @property
    def key(self) -> object:
        """What names them in the cache; without crops their number, as it was before there were crops."""
        return astuple(self) if self.crops else self.count

    def of(self, picture: Image.Image, image_id: int) -> Iterator[Image.Image]:
        """Those that are not mirrored, of an upright picture: the same of an image wherever it is encoded.

        Crops are cut out of the picture as it is, before it is resized, so they show more detail than the whole.
        """
        yield picture
        for number in range(self.crops):
            rng = random.Random(f"{image_id} {number}")
            box = crop_box((picture.height, picture.width), [rng.random() for _ in range(4)], self.crop_scale)
            top, left, rows, columns = box
            yield picture.crop((left, top, left + columns, top + rows))
