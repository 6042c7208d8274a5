"""What a row of a captions file says of an image, whatever the file's format."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

from benchmarks.data.formats.content import NoCaptions, Pairs
from benchmarks.data.formats.json_entry import LONGEST
from benchmarks.data.formats.table import CAPTION, COLUMNS, FILE, read_pairs
from zoo.vocabulary import has_word

SPLITS = {
    **dict.fromkeys(("train", "restval"), "train"),  # restval is what Karpathy adds to training
    **dict.fromkeys(("validation", "val", "dev", "valid"), "validation"),
    "test": "test",
}
TEXT_KEYS = ("raw", "caption", "text", "sentence", "answer")  # of an object, the key that holds its text

SPLIT = (re.compile(r"split", re.IGNORECASE),)
_DEEPEST = 8  # objects within objects


@dataclass(frozen=True)
class Row:
    """What one place of a captions file says of an image: its name below the root, captions, perhaps split and id."""

    place: str
    name: str
    captions: tuple[str, ...]
    split: str | None
    number: int | None = None


def read_rows(file: Path, content: Any = None) -> list[Row]:
    """Every row of a captions file, by its suffix; captions without a word are left out.

    Args:
        file: the captions file.
        content: what `json_or_none` gave, so that it is not parsed again.

    Raises:
        ValueError: it cannot be read, or is something else; the message names file and row, and says the remedy.
    """
    rows = [_row(f"{file}, {place}", pairs) for place, pairs in read_pairs(file, content)]
    if not any(row.captions for row in rows):
        raise NoCaptions(f"{file} holds no caption: it needs rows with {COLUMNS}")
    return rows


def _row(place: str, pairs: Pairs) -> Row:
    pairs = [(key.strip(), value) for key, value in pairs]
    files, texts = _columns(FILE, pairs), _columns(CAPTION, pairs)
    if len(files) != 1 or not texts:
        found = ", ".join(repr(key)[:40] for key, _ in pairs) or "nothing"
        raise ValueError(f"{place}: has {found}; needs {COLUMNS}")
    splits = [value for _, value in first_named(SPLIT, pairs)]
    captions = (caption for key, value in texts for caption in caption_texts(place, key, value))
    return Row(place, name_below(place, files[0][1]), tuple(captions), split_name(place, splits))


def first_named(names: Iterable[re.Pattern[str]], pairs: Pairs) -> Pairs:
    """The columns called by the first of the names that any is called by."""
    return next(filter(None, ([pair for pair in pairs if name.fullmatch(pair[0])] for name in names)), [])


def _columns(names: Iterable[re.Pattern[str]], pairs: Pairs) -> Pairs:
    """As `first_named`; where there is none, inside of objects."""
    plain = [(key, value) for key, value in pairs if not isinstance(value, dict)]
    return first_named(names, plain) or first_named(names, list(_inner(pairs, _DEEPEST)))


def _inner(pairs: Pairs, depth: int) -> Iterator[tuple[str, Any]]:
    """What stands inside of objects, and of columns called as in ``annotation.caption``, level by level."""
    for key, value in pairs:
        if "." in key:
            yield key.rpartition(".")[2], value
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and depth:
                yield from each.items()
                yield from _inner(list(each.items()), depth - 1)


def caption_texts(place: str, key: str, value: Any) -> Iterator[str]:
    """One text or several, or objects with one; spaces and line ends as single spaces, without those that have no word.

    Raises:
        ValueError: one of them is no text; the message begins with `place`.
    """
    for each in value if isinstance(value, list) else [value]:
        text = next((each[key] for key in TEXT_KEYS if key in each), each) if isinstance(each, dict) else each
        if text is None:
            continue
        caption = " ".join(_clean(place, key, text).split())
        if has_word(caption):
            yield caption


def split_name(place: str, values: Iterable[Any]) -> str | None:
    """Which split is meant, "train", "validation" or "test"; None where nothing is said.

    Raises:
        ValueError: it is none of them; the message begins with `place`.
    """
    named = [value for value in values if value is not None and str(value).strip()]
    if not named:
        return None
    split = SPLITS.get(named[0].strip().lower()) if isinstance(named[0], str) else None
    if split is None:
        raise ValueError(f"{place}: split is {repr(named[0])[:60]}, not train, validation or test")
    return split


def name_below(place: str, value: Any) -> str:
    """The name below the root, spelt one way: slashes, no dots, letters with their accents as one sign.

    Raises:
        ValueError: it is none, or leads out of the folder; the message begins with `place`.
    """
    text = normalize("NFC", _clean(place, "the file's name", value).strip()).replace("\\", "/")
    path = PurePosixPath(text)
    if not path.parts:
        raise ValueError(f"{place}: the file's name is empty")
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:/", text):
        raise ValueError(f"{place}: {text[:80]!r} leads out of the folder: names are relative to root")
    return str(path)


def _clean(place: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place}: {key} is {repr(value)[:60]}, not text")
    if len(value) > LONGEST:
        raise ValueError(f"{place}: {key} has {len(value):,} characters, more than {LONGEST:,}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{place}: {key} is no valid Unicode, {ascii(value)[:60]}") from None
    return value
