"""Data sets: images with captions, in three splits that never share an image.

`train` is for training, `validation` chooses the epoch, `test` is for the final scores.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class UnreadableImage(Exception):
    """An image that is missing, truncated or no image; the message names it and says why."""


@dataclass(frozen=True)
class Example:
    """One image, by its id, and its captions; `source` tells people which it is: a link, or a file's name."""

    image_id: int
    captions: tuple[str, ...]
    source: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Prediction:
    """What a model predicts for an image: the caption, its words, and an attention map for each.

    `maps` has one map for each word, (words, h, w) with values >= 0, or is None where the
    model does not look at places.
    """

    caption: str
    words: tuple[str, ...]
    maps: "np.ndarray | None" = None


class Dataset(ABC):
    """Images with captions, split three ways.

    `split` names the test split, as published ("val2017"); `synthetic` marks synthetic
    images; `allows_hflip` says whether a mirrored image keeps its captions; `fingerprint`
    changes when an image id or a caption does; `location` names the options that say where
    the data lie and not what they are, which no record repeats; `public` names those of them
    that may name a published data set instead, which records do repeat; `shareable` says whether
    pictures and references may stand in a record, which is passed on; `held_out_from` names the
    training split whose images take the place of the published test images, where they do; `notes`
    are lines for whoever starts a run, such as how many images have no caption.
    """

    location: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shareable: bool = False
    held_out_from: str = ""

    name: str
    split: str
    synthetic: bool
    allows_hflip: bool
    fingerprint: str
    train: Sequence[Example]
    validation: Sequence[Example]
    test: Sequence[Example]

    @abstractmethod
    def load(self, example: Example) -> "Image.Image":
        """The picture, in RGB.

        Raises:
            UnreadableImage: it cannot be decoded in full.
        """

    @abstractmethod
    def files(self) -> str:
        """Changes when an image's file does, so that what was encoded before is encoded again."""

    @abstractmethod
    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Scores that only this data set can give, of the captions of its test images.

        Keys are image ids of `test`; values are shares between 0 and 1. Empty where the
        usual metrics are all there is.
        """


DATASETS: Registry[Dataset] = Registry(
    "dataset", home=__name__, name="DATASETS", interface="Dataset", group="caption_zoo.dataset"
)
