"""COCO captions (https://cocodataset.org; Karpathy's splits: https://arxiv.org/abs/1412.2306) from a local folder."""

import hashlib
import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from PIL import Image

from benchmarks.data import DATASETS, Dataset, Described, Example, UnreadableImage
from benchmarks.data.coco_files import Layout, Photo, read_splits

_HELD_OUT = 10  # one training image in so many chooses the epoch where a layout has no third split


@DATASETS.register("coco")
class Coco(Dataset):
    """Photographs with five captions each, as COCO or Karpathy lay them out.

    Options:
        root: folder that holds ``annotations/`` or ``dataset_coco.json``, and the images.
        split: "2017" and "2014" train on train20xx and judge val20xx; "karpathy" trains on
            his train and restval, and judges his test images, or val where there are none.
            Where no images are left to choose the epoch by, each tenth of training is.
        train: take the training images from another layout than what is judged.
        limit: only the first so many images of each split, to try things out.
    """

    synthetic, mirrorable = False, True
    location = ("root",)

    def __init__(
        self, *, root: str = "data/coco", split: Layout = "2017", train: Layout | None = None, limit: int | None = None
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"coco(limit={limit}) leaves no image: at least 1, or leave limit out")
        self.folder = folder = Path(root).expanduser()
        if not folder.is_dir():
            raise ValueError(f"no COCO folder {root!r}: give it with --dataset \"coco(root='...')\"")
        judged = read_splits(folder, split)
        splits = judged if train is None else {**judged, "train": read_splits(folder, train)["train"]}
        _refuse_overlap(splits, folder)
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
        if missing := [photo.file for photo in self.test if not photo.file.is_file()]:
            raise ValueError(
                f"{len(missing)} judged images are missing, for example {missing[0]}: scores need every one"
            )
        self.fingerprint = _fingerprint(self.train, self.validation, self.test)

    def load(self, example: Example) -> Image.Image:
        """The photograph, decoded in full."""
        assert isinstance(example, Photo)
        try:
            with Image.open(example.file) as image:
                return image.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            name = example.file.relative_to(self.folder)  # records name it, and are passed on
            why = getattr(error, "strerror", None) or str(error).replace(str(example.file), str(name))
            raise UnreadableImage(f"{name}: {why}") from None

    def files(self) -> str:
        """The size of every file: a mended image has another."""
        photos = [photo for split in (self.train, self.validation, self.test) for photo in split]
        sizes = [photo.file.stat().st_size if photo.file.is_file() else -1 for photo in photos]
        return hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]

    def assess(self, described: Mapping[int, Described]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _refuse_overlap(splits: Mapping[str, list[Photo]], folder: Path) -> None:
    for (one, photos), (other, others) in combinations(splits.items(), 2):
        shared = {photo.image_id for photo in photos} & {photo.image_id for photo in others}
        if shared:
            raise ValueError(
                f"{len(shared)} images of {folder} are in both {one} and {other}, for example {min(shared)}: "
                "a model would be judged on what it learnt from; take both from one layout"
            )


def _fingerprint(*splits: list[Photo]) -> str:
    content = [[(photo.image_id, photo.captions) for photo in split] for split in splits]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
