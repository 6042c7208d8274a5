"""COCO's and Karpathy's caption files, read into photographs by split."""

import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from benchmarks.data.photos import Photo

Layout = Literal["2017", "2014", "karpathy"]


def read_splits(folder: Path, layout: Layout) -> dict[str, list[Photo]]:
    """The splits of a layout: "train", "validation" where it has one, and what is judged, by its name.

    Raises:
        ValueError: a file is missing, or is not what it should be; the message names it.
    """
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
            Photo(
                int(image["id"]),
                tuple(captions[int(image["id"])]),
                _image(folder, split, image["file_name"]),
                source=_source(split, image["file_name"]),
            )
            for image in content["images"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{file} is not in COCO's caption format ({_why(error)})") from None
    return _checked(photos, file)


def _read_karpathy(folder: Path) -> dict[str, list[Photo]]:
    file = folder / "dataset_coco.json"
    splits: dict[str, list[Photo]] = defaultdict(list)
    try:
        for image in _json(file, folder)["images"]:
            captions = tuple(_text(sentence["raw"]) for sentence in image["sentences"])
            place = _image(folder, image["filepath"], image["filename"])
            source = _source(image["filepath"], image["filename"])
            photo = Photo(int(image["cocoid"]), captions, place, source=source)
            splits[str(image["split"])].append(photo)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
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
    except (OSError, ValueError, RecursionError) as error:
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


def _source(split: str, name: str) -> str:
    """Where COCO shows this picture; a file that is not named as COCO's are, by its name."""
    official = re.fullmatch(r"(train|val)20(14|17)", split) and re.fullmatch(r"(COCO_\w+_)?\d{12}\.jpg", name)
    return f"http://images.cocodataset.org/{split}/{name}" if official else f"{split}/{name}"


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
