"""COCO captions (https://cocodataset.org; Karpathy's splits: https://arxiv.org/abs/1412.2306) from a local folder."""

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from PIL import Image

from benchmarks.data import DATASETS, Dataset, Example, Prediction, photos
from benchmarks.data.formats.coco_layout import Layout, Splits, read_splits
from benchmarks.data.formats.splits import numbers
from benchmarks.data.photos import Photo

_HELD_OUT = 10  # one training image in so many chooses the epoch where a layout has no third split


@DATASETS.register("coco")
class Coco(Dataset):
    """Photographs with five captions each, as COCO or Karpathy lay them out.

    Options:
        root: folder that holds ``annotations/`` or ``dataset_coco.json``, and the images.
        split: "2017" and "2014" train on train20xx and test on val20xx; "karpathy" trains on
            his train and restval, and tests on his test images, or val where there are none.
            Where no images are left to choose the epoch by, each tenth of training is.
        train: take the training images from another layout than the test images.
        holdout: share of the training images that is held out and takes the place of the test
            images, which are then not used: for choosing settings. A hash of its id decides for each image.
        limit: only the first so many images of each split, to try things out.
    """

    synthetic, allows_hflip = False, True
    location = ("root",)

    def __init__(
        self,
        *,
        root: str = "data/coco",
        split: Layout = "2017",
        train: Layout | None = None,
        holdout: float | None = None,
        limit: int | None = None,
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"coco(limit={limit}) leaves no image: at least 1, or leave limit out")
        expand = os.path.expanduser  # pathlib's raises where ~ leads nowhere
        self.folder = folder = Path(expand(root.replace("\0", "?")))
        if not folder.is_dir():
            raise ValueError(f"no COCO folder {root!r}: give it with --dataset \"coco(root='...')\"")
        splits, self.notes = read_splits(folder, split)
        if train is not None:
            others, notes = read_splits(folder, train)
            splits, self.notes = {**splits, "train": others["train"]}, tuple(dict.fromkeys((*self.notes, *notes)))
        _refuse_overlap(splits, folder)  # also with a holdout: test images would choose the settings
        if holdout is not None:
            self.held_out_from = "karpathy-train" if (train or split) == "karpathy" else f"train{train or split}"
            splits = _hold_out(splits, holdout, f"{self.held_out_from}-holdout")
        self.name = f"coco-{split}"
        self.split = next(name for name in splits if name not in ("train", "validation"))
        training = splits["train"]
        if "validation" not in splits:
            splits["validation"] = training[::_HELD_OUT]
            training = [photo for number, photo in enumerate(training) if number % _HELD_OUT]
        self.train: list[Photo] = training[:limit]
        self.validation: list[Photo] = splits["validation"][:limit]
        self.test: list[Photo] = splits[self.split][:limit]
        if not self.train:
            raise ValueError(f"{folder} has one training image, which chooses the epoch: it takes two at least")
        kept = {"training": self.train, "validation": self.validation, "test": self.test}
        self.notes += photos.refuse_missing(kept, "test")
        self.fingerprint = photos.fingerprint(self.train, self.validation, self.test)

    def load(self, example: Example) -> Image.Image:
        """The photograph, decoded in full."""
        return photos.read(example, self.folder)

    def files(self) -> str:
        """The size of every file: a mended image has another."""
        return photos.sizes(self.train, self.validation, self.test)

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _hold_out(splits: Splits, share: float, name: str) -> Splits:
    """The splits with a share of "train" as the test split `name`; more of it holds out the same images and others."""
    if not 0 < share < 1:
        raise ValueError(f"coco(holdout={share}) should lie between 0 and 1: it is a share of the training images")
    training: list[Photo] = []
    held_out: list[Photo] = []
    for photo in splits["train"]:
        (held_out if numbers(str(photo.image_id))[1] < share else training).append(photo)
    if not held_out or len(training) < 2:
        raise ValueError(f"coco(holdout={share}) holds out {len(held_out)} of {len(splits['train'])} training images")
    validation = {"validation": splits["validation"]} if "validation" in splits else {}
    return {"train": training, **validation, name: held_out}


def _refuse_overlap(splits: Mapping[str, list[Photo]], folder: Path) -> None:
    for (one, mine), (other, others) in combinations(splits.items(), 2):
        shared = {photo.image_id for photo in mine} & {photo.image_id for photo in others}
        if shared:
            raise ValueError(
                f"{len(shared)} images of {folder} are in both {one} and {other}, for example {min(shared)}: "
                "a model would be tested on its training images; take both from one layout"
            )
