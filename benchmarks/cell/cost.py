"""What a run costs: the seconds of its stages, from those of a few steps, and its room on disk and in memory."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple


class Stage(NamedTuple):
    """A stage of `units`, images or steps; `samples` are the seconds that one of them took, of each measurement."""

    units: int
    samples: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Of the whole stage."""
        return self.units * fmean(self.samples)

    @property
    def error(self) -> float:
        """Standard error of `seconds` by how far the samples differ; 0 where there is one."""
        return self.units * stdev(self.samples) / sqrt(len(self.samples)) if len(self.samples) > 1 else 0.0


class Cost(NamedTuple):
    """What a cell costs on one device.

    device: the device, in words.
    encode: all images, once for all cells with the backbone.
    stored: bytes that the cache holds of them.
    epochs: of training.
    train: the steps of an epoch.
    validate: the validation images, after each epoch.
    caption: the test images.
    memory: most bytes that tensors took on a GPU; 0 on a processor.
    """

    device: str
    encode: Stage
    stored: int
    epochs: int
    train: Stage
    validate: Stage
    caption: Stage
    memory: int

    @property
    def seconds(self) -> float:
        """Of the cell, once its images are encoded."""
        return self.epochs * (self.train.seconds + self.validate.seconds) + self.caption.seconds

    @property
    def error(self) -> float:
        """Standard error of `seconds`."""
        return combined([self.epochs * self.train.error, self.epochs * self.validate.error, self.caption.error])


def combined(errors: Sequence[float]) -> float:
    """The standard error of a sum, whose terms were measured apart."""
    return sqrt(sum(error**2 for error in errors))
