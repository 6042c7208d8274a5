"""COCO captions (https://cocodataset.org; Karpathy's splits: https://arxiv.org/abs/1412.2306) from a local folder."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from benchmarks.data import DATASETS, Dataset, Described, Example, UnreadableImage

Layout = Literal["2017", "2014", "karpathy"]
_HELD_OUT = 10  # one training image in so many chooses the epoch where a layout has no third split


@dataclass(frozen=True)
class Photo(Example):
    """An image of COCO, and its file."""

    file: Path


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
        judged = _read(folder, split)
        splits = judged if train is None else {**judged, "train": _read(folder, train)["train"]}
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


def _read(folder: Path, layout: Layout) -> dict[str, list[Photo]]:
    """The splits of a layout: "train", "validation" where it has one, and what is judged, by its name."""
    if layout == "karpathy":
        return _read_karpathy(folder)
    return {
        "train": _read_official(folder, f"train{layout}"),
        f"val{layout}": _read_official(folder, f"val{layout}"),
    }


def _read_official(folder: Path, split: str) -> list[Photo]:
    file = folder / "annotations" / f"captions_{split}.json"
    content = _json(file, folder)
    try:
        captions: dict[int, list[str]] = defaultdict(list)
        for annotation in content["annotations"]:
            captions[int(annotation["image_id"])].append(_text(annotation["caption"]))
        photos = [
            Photo(int(image["id"]), tuple(captions[int(image["id"])]), _image(folder, split, image["file_name"]))
            for image in content["images"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not in COCO's caption format ({_why(error)})") from None
    return _checked(photos, file)


def _read_karpathy(folder: Path) -> dict[str, list[Photo]]:
    file = folder / "dataset_coco.json"
    splits: dict[str, list[Photo]] = defaultdict(list)
    try:
        for image in _json(file, folder)["images"]:
            captions = tuple(_text(sentence["raw"]) for sentence in image["sentences"])
            photo = Photo(int(image["cocoid"]), captions, _image(folder, image["filepath"], image["filename"]))
            splits[str(image["split"])].append(photo)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not in Karpathy's format ({_why(error)})") from None
    splits = {name: _checked(photos, file) for name, photos in splits.items()}
    found = {
        "train": [*splits.get("train", []), *splits.get("restval", [])],
        "validation": splits.get("val", []),
        "karpathy-test": splits.get("test", []),
    }
    if found["train"] and not found["karpathy-test"]:
        found["karpathy-val"] = found.pop("validation")
    found = {name: photos for name, photos in found.items() if photos}
    if "train" not in found or not found.keys() & {"karpathy-val", "karpathy-test"}:
        raise ValueError(f"{file} has the splits {', '.join(splits) or 'none'}: needs train, and val or test")
    return found


def _json(file: Path, folder: Path) -> Any:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = sorted(path.name for path in [*folder.glob("*.json"), *folder.glob("annotations/captions_*.json")])
        has = (
            f"it has {', '.join(found)}: choose with split='2017', '2014' or 'karpathy'"
            if found
            else "it has no captions"
        )
        raise ValueError(f"no {file.relative_to(folder)} in {folder}; {has}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {file}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file} is not in COCO's caption format (no object at the top)")
    return content


def _image(folder: Path, split: str, name: Any) -> Path:
    """Where an image lies: beside the annotations, or in ``images/``; a name that leads elsewhere is refused."""
    path = Path(split) / _text(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"file name {str(path)!r} leads out of the folder")
    beside = folder / path
    return beside if beside.parent.is_dir() else folder / "images" / path


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} should be text")
    return value


def _why(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _checked(photos: list[Photo], file: Path) -> list[Photo]:
    """Without empty captions and images that have none; each image once."""
    kept = [replace(photo, captions=tuple(text for text in photo.captions if text.strip())) for photo in photos]
    kept = [photo for photo in kept if photo.captions]
    if not kept:
        raise ValueError(f"{file} holds no image with a caption")
    if len({photo.image_id for photo in kept}) < len(kept):
        raise ValueError(f"{file} lists an image twice")
    return kept


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
