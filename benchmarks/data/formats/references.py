"""Reference captions from any captions file: COCO's, Karpathy's, or that of a data set `folder`."""

from pathlib import Path

from benchmarks.data.formats.coco_json import CaptionFile, read_captions
from benchmarks.data.formats.rows import read_rows
from benchmarks.data.formats.splits import numbers
from benchmarks.data.formats.table import is_rows


def read_references(path: str | Path) -> CaptionFile:
    """The captions by image id; in a file of rows an image has the id that the data set `folder` gives to its name.

    Raises:
        ValueError: it cannot be read or has another form; the message says where, and what it should be.
    """
    file = Path(path)
    if not is_rows(file):
        return read_captions(file)
    captions: dict[int, list[str]] = {}
    for row in read_rows(file):
        if row.captions:
            captions.setdefault(numbers(row.name)[0], []).extend(row.captions)
    return CaptionFile({}, captions, rejected=0)
