"""COCO's and Karpathy's layouts of a folder: photographs by split."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Literal

from benchmarks.data.formats.coco_json import CaptionFile, read_captions
from benchmarks.data.formats.json_entry import Entry
from benchmarks.data.photos import Photo
from zoo.vocabulary import tokenize

Layout = Literal["2017", "2014", "karpathy"]
Splits = dict[str, list[Photo]]

_SHOWN = 10  # names of splits in a message
_LONGEST = 255  # bytes of a file's name on the disks of today


def read_splits(folder: Path, layout: Layout) -> tuple[Splits, tuple[str, ...]]:
    """The splits of a layout: "train", "validation" where it has one, and the test split, by its name; and notes.

    Raises:
        ValueError: a file is missing, or is not what it should be; the message names it.
    """
    if layout == "karpathy":
        return _read_karpathy(folder)
    names = {"train": f"train{layout}", f"val{layout}": f"val{layout}"}
    splits: Splits = {}
    notes: tuple[str, ...] = ()
    for split, name in names.items():
        file = folder / "annotations" / f"captions_{name}.json"
        content = _read(file, folder)
        found, left_out = captioned(content, file)
        notes += left_out
        splits[split] = [
            _photo(folder, content.images[image], captions, image, name, "file_name")
            for image, captions in found.items()
        ]
        if not splits[split]:
            raise ValueError(f"{file} holds no image with a caption")
    return splits, notes


def _read_karpathy(folder: Path) -> tuple[Splits, tuple[str, ...]]:
    file = folder / "dataset_coco.json"
    content = _read(file, folder)
    listed: Splits = defaultdict(list)
    found, notes = captioned(content, file)
    for image, captions in found.items():
        entry = content.images[image]
        place = entry.field("filepath", str)
        listed[entry.field("split", str)].append(_photo(folder, entry, captions, image, place, "filename"))
    splits = {
        "train": [*listed["train"], *listed["restval"]],
        "validation": listed["val"],
        "karpathy-test": listed["test"],
    }
    if splits["train"] and not splits["karpathy-test"]:
        splits["karpathy-val"] = splits.pop("validation")
    splits = {name: photos for name, photos in splits.items() if photos}
    if "train" not in splits or not splits.keys() & {"karpathy-val", "karpathy-test"}:
        names = ", ".join(ascii(name)[1:61] for name, photos in [*listed.items()][:_SHOWN] if photos) or "none"
        raise ValueError(f"{file} has the splits {names}: needs train, and val or test")
    return splits, notes


def _read(file: Path, folder: Path) -> CaptionFile:
    if not file.exists():
        files = sorted(
            path.name for path in [*folder.glob("dataset_*.json"), *folder.glob("annotations/captions_*.json")]
        )
        has = (
            f"it has {', '.join(files)}: choose with split='2017', '2014' or 'karpathy'"
            if files
            else "it has no captions"
        )
        raise ValueError(f"no {file.relative_to(folder)} in {folder}; {has}")
    return read_captions(file)


def captioned(content: CaptionFile, file: Path) -> tuple[dict[int, tuple[str, ...]], tuple[str, ...]]:
    """The captions with a word of each listed image that has one, and in numbers what is left out."""
    worded = {image: tuple(filter(tokenize, captions)) for image, captions in content.captions.items()}
    captioned = {image: worded[image] for image in content.images if worded.get(image)}
    counts = {
        "captions that it marks as rejected or precanned": content.rejected,
        "captions without a word": sum(len(content.captions[image]) - len(worded[image]) for image in worded),
        "captions of images that it does not list": sum(
            len(captions) for image, captions in worded.items() if image not in content.images
        ),
        "images without captions": len(content.images) - len(captioned),
    }
    return captioned, tuple(f"{file.name}: {count:,} {what} left out" for what, count in counts.items() if count)


def _photo(folder: Path, entry: Entry, captions: tuple[str, ...], image: int, place: str, key: str) -> Photo:
    name = entry.field(key, str)
    return Photo(image, captions, _file(folder, entry, place, name), source=_source(place, name))


def _file(folder: Path, entry: Entry, place: str, name: str) -> Path:
    """Where an image lies: beside the annotations, or in ``images/``; a name that leads elsewhere is refused."""
    path = Path(place) / name
    if path.is_absolute() or ".." in path.parts:
        raise entry.error(f"file name {str(path)[:80]!r} leads out of the folder")
    if not name or "\0" in str(path) or any(len(part.encode()) > _LONGEST for part in path.parts):
        raise entry.error(f"{str(path)[:80]!r} is no name that a file can have")
    beside = folder / path
    return beside if beside.parent.is_dir() else folder / "images" / path


def _source(place: str, name: str) -> str:
    """Where COCO shows this picture; a file that is not named as COCO's are, by its name."""
    official = re.fullmatch(r"(train|val)20(14|17)", place) and re.fullmatch(r"(COCO_\w+_)?\d{12}\.jpg", name)
    return f"http://images.cocodataset.org/{place}/{name}" if official else f"{place}/{name}"
