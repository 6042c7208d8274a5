"""Photographs in files: what data sets of them share."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.data import Example, UnreadableImage
from zoo.pictures import open_picture


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


def sizes(*splits: Iterable[Photo]) -> str:
    """A hash of the size of every file: a mended image has another."""
    photos = [photo for split in splits for photo in split]
    found = [photo.file.stat().st_size if photo.file.is_file() else -1 for photo in photos]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def fingerprint(*splits: Iterable[Photo]) -> str:
    """A hash of ids and captions, split by split."""
    content = [[(photo.image_id, photo.captions) for photo in split] for split in splits]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
