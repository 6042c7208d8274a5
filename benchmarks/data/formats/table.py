"""The formats of captions files: CSV, JSON and JSON lines, read row by row."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.data.formats.content import Pairs, read, read_text, unique
from benchmarks.data.formats.flickr import reader_of
from benchmarks.data.formats.textcaps import is_textcaps, textcaps_pairs

SUFFIXES = (".csv", ".json", ".jsonl", ".tsv")
FILE = tuple(re.compile(name, re.IGNORECASE) for name in (r"file|image|file_?name", r"image_?name|(image|file)_?path"))
CAPTION = tuple(
    re.compile(name, re.IGNORECASE) for name in (r"captions?[ _-]?\d*", r"texts?", r"sentences?[ _-]?\d*|comments?|raw")
)  # of these, the first that a row has counts
COLUMNS = "one of file, image, filename and file_name, and caption, captions or caption1, caption2, ..."

_TEXT_FILES = (".txt", ".token")  # of Kaggle's Flickr8k and of Flickr30k


def is_rows(file: Path, content: Any) -> bool:
    """Whether a file, of this content if it is JSON, has rows, and is none of COCO's or Karpathy's."""
    if file.suffix.lower() != ".json":
        return file.suffix.lower() in (*SUFFIXES, *_TEXT_FILES)
    if isinstance(content, list):
        first = content[0] if content else None
        return isinstance(first, dict) and any(named(FILE, key) for key in first)
    if not isinstance(content, dict) or {"annotations", "images"} & content.keys():
        return False
    return is_textcaps(content) or all(isinstance(each, str | list | dict) for each in content.values())


def is_coco(content: Any) -> bool:
    """Whether this is what a file of COCO's or Karpathy's holds."""
    return isinstance(content, dict) and any(isinstance(content.get(key), list) for key in ("annotations", "images"))


def named(names: Iterable[re.Pattern[str]], column: str) -> bool:
    """Whether a column, or the last part of one that is called as in ``annotation.caption``, has one of the names."""
    return any(name.fullmatch(column.strip().rpartition(".")[2]) for name in names)


def json_or_none(file: Path) -> Any:
    """What a JSON file holds, for the readers of it; None where the name is another's, or it cannot be read."""
    if file.suffix.lower() != ".json":
        return None
    try:
        return json.loads(read(file).decode("utf-8-sig"), object_pairs_hook=unique)
    except (OSError, ValueError, RecursionError):
        return None  # whoever reads it says what is wrong


def read_pairs(file: Path, content: Any = None) -> Iterator[tuple[str, Pairs]]:
    """Each row of a file, by its suffix: where it stands, and its keys with their values.

    Args:
        file: the captions file.
        content: what `json_or_none` gave, so that it is not parsed again.

    Raises:
        ValueError: it cannot be read, or is something else; the message says where, and the remedy.
    """
    if file.suffix.lower() not in (*SUFFIXES, *_TEXT_FILES):
        raise ValueError(f"{file} should be a captions file, which ends in {', '.join(SUFFIXES)}")
    if content is not None:
        return _json(file, content)
    text = read_text(file)
    if file.suffix.lower() == ".json":
        return _json(file, _parsed(f"{file}", text, "one object to a line is a file of JSON lines, and ends in .jsonl"))
    reader = _json_lines if file.suffix.lower() == ".jsonl" else reader_of(text) or _table
    return reader(file, text)


def _table(file: Path, text: str) -> Iterator[tuple[str, Pairs]]:
    delimiter = _delimiter(file, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        header = next((values for values in reader if any(map(str.strip, values))), [])
        for values in reader:
            place = f"line {reader.line_num}"
            if len(values) > len(header):
                raise ValueError(
                    f"{file}, {place}: {len(values)} values for {len(header)} columns: "
                    f'a caption with {delimiter!r} inside belongs in double quotes, "like this"'
                )
            if any(map(str.strip, values)):
                cells = (_cell(f"{file}, {place}", value) for value in values)
                yield place, list(zip(header, cells, strict=False))
    except csv.Error as error:
        why = f"no table ({error}): is a double quote missing? Inside quotes it is written twice"
        raise ValueError(f"{file}, line {reader.line_num}: {why}") from None


def _delimiter(file: Path, text: str) -> str:
    """The one that makes columns of the first line."""
    first = text.strip().partition("\n")[0].strip()
    if not first:
        raise ValueError(f"{file} is empty: its first line should name the columns, {COLUMNS}")
    for delimiter in (",", ";", "\t"):
        names = [name.strip().strip('"').strip() for name in first.split(delimiter)]
        if any(named(CAPTION, name) for name in names) and any(named(FILE, name) for name in names):
            return delimiter
    why = f"does not name the columns, {COLUMNS}, with , or ; or tabs between"
    raise ValueError(f"{file}, line 1: {first[:80]!r} {why}")


def _cell(place: str, value: str) -> Any:
    """A cell; one that holds a list, as JSON spells it, is a list."""
    if not re.match(r"\s*\[\s*[\"']", value) or not value.rstrip().endswith("]"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f'{place}: {value[:60]!r} is no list as JSON spells it, ["a caption", "another"]') from None


def _json(file: Path, content: Any) -> Iterator[tuple[str, Pairs]]:
    if isinstance(content, list):
        for number, entry in enumerate(content, start=1):
            yield f"entry {number}", _pairs(f"{file}, entry {number}", entry)
    elif is_textcaps(content):
        yield from textcaps_pairs(file, content)
    elif isinstance(content, dict):
        for name, value in content.items():
            yield (
                repr(name)[:80],
                [("file", name), *(value.items() if isinstance(value, dict) else [("captions", value)])],
            )
    else:
        raise ValueError(f'{file} should be {{"a.jpg": ["a caption", ...], ...}} or a list of objects')


def _json_lines(file: Path, text: str) -> Iterator[tuple[str, Pairs]]:
    for number, line in enumerate(text.split("\n"), start=1):  # and not where a caption has another end of line
        if line.strip():
            place = f"{file}, line {number}"
            yield f"line {number}", _pairs(place, _parsed(place, line, "each line is one object"))


def _parsed(place: str, text: str, remedy: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: no JSON ({error}); {remedy}") from None


def _pairs(place: str, entry: Any) -> Pairs:
    if not isinstance(entry, dict):
        raise ValueError(f'{place}: {repr(entry)[:60]} should be an object, {{"file": "a.jpg", "caption": "..."}}')
    return list(entry.items())
