"""The test split of a data set alone, for whoever scores a model that is trained."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.data import Dataset, Example, Prediction

if TYPE_CHECKING:
    from PIL import Image


class Tested(Dataset):
    """`dataset` without its training and validation images; its fingerprint is another, as that of other images."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.name, self.split, self.synthetic = dataset.name, dataset.split, dataset.synthetic
        self.allows_hflip, self.shareable = dataset.allows_hflip, dataset.shareable
        self.fingerprint = f"{dataset.fingerprint}, test"
        self.train, self.validation, self.test = (), (), dataset.test

    def load(self, example: Example) -> "Image.Image":
        """The picture, in RGB."""
        return self._dataset.load(example)

    def files(self) -> str:
        """Changes when an image's file does."""
        return self._dataset.files()

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Those of the data set."""
        return self._dataset.diagnostics(predictions)
