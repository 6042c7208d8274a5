"""COCO's and Karpathy's caption files, and COCO's results: one set of rules for data sets and for `score`.

Every entry is checked here, since pycocotools accepts anything; what passes is indexed by pycocotools.
"""

import io
import json
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data.formats.content import NoCaptions
from benchmarks.data.formats.json_entry import Entry, load

if TYPE_CHECKING:
    from pycocotools.coco import COCO

_RESULTS = 'COCO results are [{"image_id": 42, "caption": "a cat"}, ...], one caption per image'
_CAPTIONS = (
    'COCO captions are {"images": [{"id": 42, "file_name": "a.jpg"}, ...], '
    '"annotations": [{"image_id": 42, "caption": "a cat"}, ...]}, '
    'Karpathy\'s {"images": [{"cocoid": 42, "sentences": [{"raw": "a cat"}, ...]}, ...]}'
)
_NO_REFERENCE = ("is_rejected", "is_precanned")  # marks of VizWiz: its own evaluation leaves these out too


@dataclass(frozen=True)
class CaptionFile:
    """What a caption file holds.

    images: the listed images by id, each with the fields that the file gives it.
    captions: image id -> captions, in the file's order; also of images that are not listed.
    rejected: how many captions the file marks as rejected or precanned; they are left out.
    """

    images: Mapping[int, Entry]
    captions: Mapping[int, list[str]]
    rejected: int


def read_captions(path: str | Path, content: Any = None) -> CaptionFile:
    """A file in COCO captions form or that of Karpathy's dataset_coco.json, which holds all splits.

    Args:
        path: the captions file.
        content: what `json_or_none` gave, so that it is not parsed again.

    Raises:
        ValueError: it cannot be read, has another form, or an id twice; the message names entry and field.
    """
    root = load(Path(path), _CAPTIONS) if content is None else Entry(Path(path), "the file", content, _CAPTIONS)
    if root.has("images") and not root.has("annotations") and not _is_karpathy(root):
        raise NoCaptions(str(root.error("has no 'annotations'")))
    images: dict[int, Entry] = {}
    annotations, rejected = _karpathy(root, images) if _is_karpathy(root) else _coco(root, images)
    if not annotations:
        raise NoCaptions(str(root.error("holds no caption")))
    found = _index(images, annotations).imgToAnns
    return CaptionFile(images, {image: [each["caption"] for each in found[image]] for image in found}, rejected)


def read_results(path: str | Path) -> dict[int, str]:
    """Image id -> caption, from a file in COCO results form: one caption per image.

    Raises:
        ValueError: it cannot be read or has another form; the message says where, and what it should be.
    """
    root = load(Path(path), _RESULTS)
    images: set[int] = set()
    for entry in root.entries():
        image, _ = entry.field("image_id", int), entry.field("caption", str)
        if image in images:
            raise entry.error(f"image {image} has a caption already")
        images.add(image)
    if not images:
        raise root.error("empty")
    with redirect_stdout(io.StringIO()):
        results = _index(images, []).loadRes(root.value)
    return {image: annotation["caption"] for image, (annotation,) in results.imgToAnns.items()}


def write_results(captions: Mapping[int, str], path: Path, sources: Mapping[int, str] | None = None) -> None:
    """Image id -> caption, in COCO's results form, which pycocotools' `loadRes` reads.

    Beside each stands which image it is, its file's name or a link, where `sources` has that.
    """
    named = sources or {}
    entries = [
        {"image_id": image, "caption": caption, **({"source": named[image]} if named.get(image) else {})}
        for image, caption in captions.items()
    ]
    path.write_text(json.dumps(entries, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def _coco(root: Entry, images: dict[int, Entry]) -> tuple[list[dict[str, Any]], int]:
    """The annotations that are references, and how many are not; the images are added to `images`."""
    listed = root.child_list("annotations")
    for entry in root.child_list("images").entries() if root.has("images") else ():
        _add(images, entry, "id")
    annotations, ids, rejected = [], set(), 0
    for entry in listed.entries():
        image, caption = entry.field("image_id", int), entry.field("caption", str)
        if entry.has("id"):
            if (number := entry.field("id", int)) in ids:
                raise entry.error(f"id {number} is that of an earlier entry")
            ids.add(number)
        if any(entry.value.get(mark) for mark in _NO_REFERENCE):
            rejected += 1
        else:
            annotations.append({"image_id": image, "caption": caption})
    return annotations, rejected


def _is_karpathy(root: Entry) -> bool:
    if root.has("annotations") or not root.has("images") or not isinstance(root.value["images"], list):
        return False
    return any(entry.has("sentences") for entry in root.child_list("images").entries())


def _karpathy(root: Entry, images: dict[int, Entry]) -> tuple[list[dict[str, Any]], int]:
    """As `_coco`; nothing is marked in this form."""
    annotations = []
    for entry in root.child_list("images").entries():
        # Flickr's images have no COCO id but a number of their own.
        image = _add(images, entry, "cocoid" if entry.has("cocoid") else "imgid")
        sentences = entry.child_list("sentences").entries()
        annotations += [{"image_id": image, "caption": sentence.field("raw", str)} for sentence in sentences]
    return annotations, 0


def _add(images: dict[int, Entry], entry: Entry, key: str) -> int:
    image = entry.field(key, int)
    if images.setdefault(image, entry) is not entry:
        raise entry.error(f"{key} {image} is that of an earlier image")
    return image


def _index(images: Iterable[int], annotations: Iterable[Mapping[str, Any]]) -> "COCO":
    """pycocotools' index, made in memory: from a path it would read in the machine's encoding. It prints, we do not."""
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in images],
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, start=1)],
    }
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
