"""Files of captions: what models said, and what people said."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_NAMES = {int: "a whole number", str: "a string", list: "a list", dict: "an object"}


def read_results(path: str | Path) -> dict[int, str]:
    """Image id -> caption, from a file in COCO results form: one caption per image.

    Raises:
        ValueError: it cannot be read or is something else; the message says where, and what it should be.
    """
    file = _File(Path(path), 'COCO results are [{"image_id": 42, "caption": "a cat"}, ...], one caption per image')
    found: dict[int, str] = {}
    for place, entry in file.entries("the file", file.load()):
        image, caption = file.field(place, entry, "image_id", int), file.field(place, entry, "caption", str)
        if image in found:
            raise file.wrong(place, f"image {image} has a caption already")
        found[image] = caption
    return found


def write_results(captions: Mapping[int, str], path: Path) -> None:
    """Image id -> caption, in COCO's results form, which pycocotools' `loadRes` reads."""
    entries = [{"image_id": image, "caption": caption} for image, caption in captions.items()]
    path.write_text(json.dumps(entries, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def read_references(path: str | Path) -> dict[int, list[str]]:
    """Image id -> captions, from a file in COCO captions form or that of Karpathy's dataset_coco.json.

    The latter holds all splits, and so does what is returned.

    Raises:
        ValueError: it cannot be read or is something else; the message says where, and what it should be.
    """
    file = _File(Path(path), 'COCO captions are {"annotations": [{"image_id": 42, "caption": "a cat"}, ...]}')
    content = file.load()
    found: dict[int, list[str]] = {}
    for image, caption in _karpathy(file, content) if _is_karpathy(content) else _coco(file, content):
        found.setdefault(image, []).append(caption)
    return found


@dataclass(frozen=True)
class _File:
    """A JSON file, and what should be in it."""

    path: Path
    form: str

    def wrong(self, place: str, problem: str) -> ValueError:
        return ValueError(f"{self.path}: {place}: {problem}. {self.form}.")

    def load(self) -> Any:
        try:
            return json.loads(self.path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ValueError(f"cannot read {self.path}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise self.wrong("the file", f"no JSON ({error})") from None

    def entries(self, place: str, value: Any) -> Iterator[tuple[str, Any]]:
        """What a list holds, each with its place; at least one."""
        if not isinstance(value, list) or not value:
            raise self.wrong(place, "empty" if value == [] else "not a list")
        yield from ((f"entry {number} of {place}", entry) for number, entry in enumerate(value))

    def field(self, place: str, entry: Any, key: str, kind: type[T]) -> T:
        if not isinstance(entry, dict):
            raise self.wrong(place, "not an object")
        if key not in entry:
            raise self.wrong(place, f"has no {key!r}")
        value = entry[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.wrong(place, f"{key} is {repr(value)[:60]}, not {_NAMES[kind]}")
        return value


def _coco(file: _File, content: Any) -> Iterator[tuple[int, str]]:
    annotations = file.field("the file", content, "annotations", list)
    for place, entry in file.entries("annotations", annotations):
        yield file.field(place, entry, "image_id", int), file.field(place, entry, "caption", str)


def _is_karpathy(content: Any) -> bool:
    images = content.get("images") if isinstance(content, dict) else None
    return isinstance(images, list) and any(isinstance(image, dict) and "sentences" in image for image in images[:1])


def _karpathy(file: _File, content: Any) -> Iterator[tuple[int, str]]:
    for place, image in file.entries("images", content["images"]):
        # Flickr's images have no COCO id, and are told apart by their number.
        key = "cocoid" if isinstance(image, dict) and "cocoid" in image else "imgid"
        for spot, sentence in file.entries(f"sentences of {place}", file.field(place, image, "sentences", list)):
            yield file.field(place, image, key, int), file.field(spot, sentence, "raw", str)
