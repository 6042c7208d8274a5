"""Flickr8k's and Flickr30k's own files: captions line by line, and the lists of their splits.

https://www.jair.org/index.php/jair/article/view/10833 and https://aclanthology.org/Q14-1006
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.data.formats.content import Pairs, read_text

Reader = Callable[[Path, str], Iterator[tuple[str, Pairs]]]

_TOKENS = re.compile(r"([^\t]+)#\d+\t(.*)")
_HEADER = re.compile(r"\s*image_name\s*\|\s*comment_number\s*\|\s*comment\s*")
_COMMENT = re.compile(r"([^|]+)\|\s*\d+(?:\s*\||\s)(.*)")  # one line of results.csv lacks the second stroke
_LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "validation": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}


def reader_of(text: str) -> Reader | None:
    """The reader for a file that begins as one of these does."""
    first = text.lstrip().partition("\n")[0].rstrip("\r")
    if _TOKENS.fullmatch(first):
        return _tokens
    return _comments if _HEADER.fullmatch(first) else None


def split_lists(folder: Path) -> dict[str, str]:
    """Image -> split, "train", "validation" or "test", by the lists of Flickr8k in a folder; empty without them.

    Raises:
        ValueError: a list cannot be read, or an image is in two.
    """
    found: dict[str, str] = {}
    for split, name in _LISTS.items():
        if not (file := folder / name).is_file():
            continue
        for number, line in enumerate(read_text(file).split("\n"), start=1):
            if (image := line.strip()) and (other := found.setdefault(image, split)) != split:
                raise ValueError(f"{file}, line {number}: {image[:80]!r} is in {_LISTS[other]} too: leave it in one")
    return found


def _tokens(file: Path, text: str) -> Iterator[tuple[str, Pairs]]:
    return _lines(file, text, _TOKENS, "an image, #, a number, a tab and a caption")


def _comments(file: Path, text: str) -> Iterator[tuple[str, Pairs]]:
    return _lines(file, text, _COMMENT, "image_name| comment_number| comment")


def _lines(file: Path, text: str, form: re.Pattern[str], words: str) -> Iterator[tuple[str, Pairs]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or (form is _COMMENT and _HEADER.fullmatch(line)):
            continue
        found = form.fullmatch(line.rstrip("\r"))
        if found is None:
            raise ValueError(f"{file}, line {number}: {line[:60]!r} should be {words}")
        yield f"line {number}", [("file", found[1]), ("caption", found[2])]
