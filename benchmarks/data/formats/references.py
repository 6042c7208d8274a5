"""Reference captions from any captions file: COCO's, Karpathy's, or that of a data set `folder`."""

from pathlib import Path

from benchmarks.data.formats.coco_json import CaptionFile, read_captions
from benchmarks.data.formats.rows import read_rows
from benchmarks.data.formats.splits import numbers
from benchmarks.data.formats.table import is_rows, json_or_none


def read_references(path: str | Path) -> CaptionFile:
    """The captions by image id; in a file of rows an image has the id that the data set `folder` gives to its name.

    Raises:
        ValueError: it cannot be read or has another form; the message says where, and what it should be.
    """
    file = Path(path)
    content = json_or_none(file)
    if not is_rows(file, content):
        return read_captions(file, content)
    captions: dict[int, list[str]] = {}
    for row in read_rows(file, content):
        if row.captions:
            captions.setdefault(numbers(row.name)[0], []).extend(row.captions)
    return CaptionFile({}, captions, rejected=0)
