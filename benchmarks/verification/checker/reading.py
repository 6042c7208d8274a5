"""JSON that may come from anyone: strict, and within limits."""

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeGuard

_BYTES = 64 * 2**20  # of a file
_DEPTH = 20  # levels of objects and lists
_WHOLE = 2**64


def read(file: Path) -> Any:
    """The values of a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, has a key twice, or is beyond a limit; the message says which.
    """
    with opened(file) as content:
        text = content.read(_BYTES + 1)
    if len(text) > _BYTES:
        raise ValueError(f"it has more than {_BYTES >> 20} MiB")
    return parse(text)


@contextmanager
def opened(file: Path) -> Iterator[BufferedReader]:
    """A regular file, to be read: of a pipe or a device no end might come.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is something else.
    """
    with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as content:
        if not stat.S_ISREG(os.fstat(content.fileno()).st_mode):
            raise ValueError("it is no file")
        yield content


def parse(text: bytes) -> Any:
    """The values of JSON in UTF-8.

    Raises:
        ValueError: as `read` does.
    """
    try:
        values = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_number, parse_float=_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    _refuse(values, _DEPTH)
    return values


def digest(values: Any) -> str:
    """The sha256 of values as JSON on one line with sorted keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def sha256(file: Path) -> str:
    """The sha256 of a file's content.

    Raises:
        OSError, ValueError: as `opened` does.
    """
    with opened(file) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def is_number(value: Any) -> bool:
    """Whether it is a number that a run can give."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e15


def is_count(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _WHOLE


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is there twice")
    return values


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no number of JSON, or too large a one")
    return value


def _refuse(value: Any, depth: int) -> None:
    """Raise a ValueError for what no record holds: depth, numbers and texts that not every reader can take."""
    if isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"it is nested more than {_DEPTH} deep")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _refuse(item, depth - 1)
    elif isinstance(value, str):
        value.encode()  # half of a surrogate pair cannot be
    elif isinstance(value, int) and abs(value) >= _WHOLE:
        raise ValueError("it has too large a whole number")
