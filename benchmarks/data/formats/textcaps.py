"""TextCaps' files (https://arxiv.org/abs/2003.12462): a caption in each entry, beside all captions of its image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.data.formats.content import Pairs


def is_textcaps(content: Any) -> bool:
    """Whether this is the content of such a file."""
    data = content.get("data") if isinstance(content, dict) else None
    return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "image_id" in data[0]


def textcaps_pairs(file: Path, content: dict[str, Any]) -> Iterator[tuple[str, Pairs]]:
    """Each entry, its image called by the ID at Open Images; captions that an earlier entry had are not repeated.

    Raises:
        ValueError: an entry is no object with an ID; the message names file and entry.
    """
    whole = set()
    for number, entry in enumerate(content["data"], start=1):
        place = f"entry {number} of data"
        image = entry.get("image_id") if isinstance(entry, dict) else None
        if not isinstance(image, str):
            raise ValueError(f"{file}, {place}: {repr(entry)[:60]} should be an object with image_id and caption_str")
        captions = [] if image in whole else entry.get("reference_strs") or entry.get("caption_str") or []
        if entry.get("reference_strs"):
            whole.add(image)
        yield place, [("file", f"{image}.jpg"), ("captions", captions), ("split", entry.get("set_name"))]
