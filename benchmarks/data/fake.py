"""A stand-in for photographs, of any number: it costs what they cost, and teaches nothing."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from itertools import chain, count, islice, pairwise, product
from string import ascii_lowercase

import numpy as np
from PIL import Image

from benchmarks.data import DATASETS, Dataset, Example, Prediction

_EACH = 5  # captions of an image
_LENGTH = (10.5, 2.4)  # words of COCO's captions: mean and standard deviation
_SHORTEST, _LONGEST = 5, 30
_MOST = 1_000_000  # images of a split, and words
_SIZE = (640, 480)  # most of COCO's photographs
_QUALITY = 94  # 160 kB, COCO's mean


@DATASETS.register("fake")
class Fake(Dataset):
    """Noise in captions of random words, as many as COCO has: to try what full COCO costs, without COCO.

    The defaults are the sizes of Karpathy's splits, and the words that five of their captions use. Each
    load decodes a JPEG as large as COCO's. Words are drawn by Zipf's law, so lengths of
    captions, the output layer and the vocabulary are COCO's.

    Options:
        train, validation, test: images in each split.
        words: how many there are.
        seed: of the captions.

    Raises:
        ValueError: a split or the vocabulary would be empty, or above a million.
    """

    name = "fake"
    split = "test"
    synthetic = True
    allows_hflip = True

    def __init__(
        self, *, train: int = 113_287, validation: int = 5_000, test: int = 5_000, words: int = 9_487, seed: int = 0
    ) -> None:
        sizes = (train, validation, test)
        if min(*sizes, words) < 1 or max(*sizes, words) > _MOST:
            raise ValueError(
                f"fake needs at least one image in every split and one word, and at most {_MOST:,}, "
                f"not train={train}, validation={validation}, test={test}, words={words}"
            )
        captions = _captions(sum(sizes) * _EACH, words, np.random.default_rng(seed))
        of_images = zip(*[iter(captions)] * _EACH, strict=True)
        examples = (Example(image, five) for image, five in enumerate(of_images))
        self.train, self.validation, self.test = (list(islice(examples, size)) for size in sizes)
        self.fingerprint = hashlib.sha256(repr((sizes, captions)).encode()).hexdigest()[:16]

    def load(self, example: Example) -> Image.Image:
        """Decode the picture, which is the same for all."""
        return Image.open(BytesIO(self._file)).convert("RGB")

    def files(self) -> str:
        """There are none."""
        return ""

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """There are none."""
        return {}

    @cached_property
    def _file(self) -> bytes:
        """Noise from coarse to fine, as a JPEG."""
        rng, width, height = np.random.default_rng(0), *_SIZE
        total = np.zeros((height, width, 3))
        for side, strength in ((80, 50.0), (16, 25.0), (4, 12.0), (1, 8.0)):
            noise = rng.normal(0, strength, (height // side, width // side, 3))
            total += noise.repeat(side, axis=0).repeat(side, axis=1)
        file = BytesIO()
        Image.fromarray((total + 128).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=_QUALITY)
        return file.getvalue()


def _captions(number: int, words: int, rng: np.random.Generator) -> list[str]:
    lengths = rng.normal(*_LENGTH, number).round().clip(_SHORTEST, _LONGEST).astype(np.int64)
    shares = (1 / np.arange(1, words + 1)).cumsum()
    places = shares.searchsorted(rng.random(lengths.sum()) * shares[-1]).tolist()
    letters = chain.from_iterable(product(ascii_lowercase, repeat=length) for length in count(1))
    vocabulary = list(map("".join, islice(letters, words)))
    ends = [0, *lengths.cumsum().tolist()]
    return [" ".join([vocabulary[place] for place in places[start:end]]) for start, end in pairwise(ends)]
