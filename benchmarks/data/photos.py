"""Photographs in files: what data sets of them share."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.data import Example, UnreadableImage
from zoo.pictures import open_picture

SUFFIXES = (
    ".avif",
    ".bmp",
    ".gif",
    ".heic",
    ".heif",
    ".j2k",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
)
_LOST = 0.5  # share of a split that may be missing


@dataclass(frozen=True)
class Photo(Example):
    """A photograph, and its file."""

    file: Path


def read(example: Example, folder: Path) -> Image.Image:
    """The photograph, decoded in full, upright and in RGB.

    Raises:
        UnreadableImage: it cannot be; the message names it as it lies below `folder`, since records repeat it.
    """
    assert isinstance(example, Photo)
    try:
        return open_picture(example.file)
    except OSError as error:
        place, name = str(example.file), str(example.file.relative_to(folder))
        why = (error.strerror or str(error)).replace(repr(place), repr(name)).replace(place, name)
        raise UnreadableImage(f"{name}: {why}") from None


def refuse_missing(splits: Mapping[str, Sequence[Photo]], test: str) -> tuple[str, ...]:
    """Notes on the images whose files are not there.

    Raises:
        ValueError: one of the split `test`, or more than half of another; the message says how many, and one of them.
    """
    notes = []
    for split, photos in splits.items():
        missing = [photo.file for photo in photos if not photo.file.is_file()]
        what = f"{len(missing)} of {len(photos)} {split} images are missing"
        if missing and (split == test or len(missing) > _LOST * len(photos)):
            need = "scores need every one" if split == test else "fetch them, or leave them out of the captions file"
            raise ValueError(f"{what}, for example {missing[0]}: {need}")
        if missing:
            notes.append(f"{what} and left out, such as {missing[0].name}")
    return tuple(notes)


def sizes(*splits: Iterable[Photo]) -> str:
    """A hash of the size of every file: a mended image has another."""
    photos = [photo for split in splits for photo in split]
    found = [photo.file.stat().st_size if photo.file.is_file() else -1 for photo in photos]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def fingerprint(*splits: Iterable[Example]) -> str:
    """A hash of ids and captions, split by split."""
    content = [[(photo.image_id, photo.captions) for photo in split] for split in splits]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
