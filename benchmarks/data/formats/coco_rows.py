"""COCO's and Karpathy's caption files as rows: images by file name, with the ids and splits that the files give."""

from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.data.formats.coco_json import read_captions
from benchmarks.data.formats.coco_layout import captioned
from benchmarks.data.formats.json_entry import Entry
from benchmarks.data.formats.rows import Row, caption_texts, name_below, split_name


def read_coco_rows(file: Path, content: Any = None) -> tuple[list[Row], tuple[str, ...]]:
    """A row for each image with captions; and in numbers what is left out, such as VizWiz's rejected captions.

    Args:
        file: the captions file.
        content: what `json_or_none` gave, so that it is not parsed again.

    Raises:
        ValueError: it cannot be read, or is something else; the message names file and entry.
    """
    held = read_captions(file, content)
    found, notes = captioned(held, file)
    return [_row(held.images[image], image, captions) for image, captions in found.items()], notes


def _row(entry: Entry, image: int, captions: tuple[str, ...]) -> Row:
    place = f"{entry.path}, {entry.place}"
    split = split_name(place, [entry.value.get("split")])
    texts = tuple(caption_texts(place, "a caption", list(captions)))
    return Row(place, name_below(place, _file_name(entry)), texts, split, image)


def _file_name(entry: Entry) -> str:
    """COCO's file_name, Karpathy's filename below its filepath, or what NoCaps has: an id at Open Images, a URL."""
    if entry.has("filename"):
        folder = entry.field("filepath", str) if entry.has("filepath") else ""
        return str(PurePosixPath(folder, entry.field("filename", str)))
    if not entry.has("file_name") and entry.has("open_images_id"):
        return f"{entry.field('open_images_id', str)}.jpg"
    if not entry.has("file_name") and entry.has("coco_url"):
        url = entry.field("coco_url", str)
        try:
            return unquote(urlsplit(url).path.rpartition("/")[2])
        except ValueError:
            raise entry.error(f"coco_url is {url[:60]!r}, no URL") from None
    return entry.field("file_name", str)
