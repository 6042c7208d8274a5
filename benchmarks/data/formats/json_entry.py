"""JSON files read entry by entry: what is wrong is answered with file, entry and field."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.data.formats.content import read, unique

T = TypeVar("T")

LONGEST = 10_000  # characters of a text: to bring its accents to one spelling takes the square of a row of them
_LARGEST = 2**53  # what every reader of JSON holds exactly
_TYPES = {int: "an integer", str: "a string", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Entry:
    """A value of a JSON file that knows its place there, and the form that the file should have."""

    path: Path
    place: str
    value: Any
    form: str

    def error(self, problem: str) -> ValueError:
        """One line that names file, entry and problem, with the form as remedy."""
        return ValueError(f"{self.path}: {self.place}: {problem}. {self.form}.")

    def entries(self) -> Iterator["Entry"]:
        """The entries of a list, counted from 1."""
        if not isinstance(self.value, list):
            raise self.error("not a list")
        for number, value in enumerate(self.value, start=1):
            yield Entry(self.path, f"entry {number} of {self.place}", value, self.form)

    def has(self, key: str) -> bool:
        """Whether it is an object with this field."""
        return isinstance(self.value, dict) and key in self.value

    def child_list(self, key: str) -> "Entry":
        """A field that should be a list; its place is named from inside out, "sentences of entry 1 of images"."""
        outside = "" if self.place == "the file" else f" of {self.place}"
        return Entry(self.path, f"{key}{outside}", self.field(key, list), self.form)

    def field(self, key: str, kind: type[T]) -> T:
        """A field of just this type: neither 1.0 nor true is an integer; a text can be written in UTF-8."""
        if not isinstance(self.value, dict):
            raise self.error("not an object")
        if key not in self.value:
            raise self.error(f"has no {key!r}")
        value = self.value[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"{key} is {repr(value)[:60]}, not {_TYPES[kind]}")
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise self.error(f"{key} is {str(value)[:60]}, and ids go up to {_LARGEST}")
        if isinstance(value, str) and len(value) > LONGEST:
            raise self.error(f"{key} has {len(value):,} characters, more than {LONGEST:,}")
        if isinstance(value, str) and not _encodes(value):
            raise self.error(f"{key} is {ascii(value)[:60]}, no valid Unicode")
        return value


def load(path: Path, form: str) -> Entry:
    """The whole file, in UTF-8 with or without a byte order mark.

    Raises:
        ValueError: it cannot be read, or is no JSON.
    """
    try:
        text = read(path).decode("utf-8-sig")
        return Entry(path, "the file", json.loads(text, object_pairs_hook=unique), form)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Entry(path, "the file", None, form).error(f"no JSON ({error})") from None


def _encodes(text: str) -> bool:
    """Half of a surrogate pair does not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
