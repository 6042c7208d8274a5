"""References as the tokenizer gives them, cached on disk: the same captions are not tokenized twice."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from zoo.atomic import write_atomically
from zoo.partial import remove_abandoned

Tokenizer = Callable[[Sequence[str]], list[str]]

_FORMAT = 1  # to be raised when the same captions get other words
_FOLDER = "references"


def cached_tokens(captions: Sequence[str], tokenize: Tokenizer, cache: Path | None) -> list[str]:
    """What `tokenize` makes of `captions`: read from `cache`, or made now and stored there.

    A file stands for one list of captions in one order, since a caption's last word can
    depend on the next caption. One that is damaged, or is of something else, is made again.
    A folder that cannot be written to costs time and nothing else.
    """
    if cache is None:
        return tokenize(captions)
    key = _hash(json.dumps([_FORMAT, version("pycocoevalcap"), captions]))
    file = cache / _FOLDER / f"{key[:24]}.json"
    tokens = _read(file, key, len(captions))
    if tokens is None:
        tokens = tokenize(captions)
        remove_abandoned(file.parent)
        with suppress(OSError):
            content = json.dumps(tokens)
            write_atomically(file, f"{_hash(key + content)}\n{content}".encode())
    return tokens


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(file: Path, key: str, number: int) -> list[str] | None:
    """The tokens of so many captions, in a file that was written whole and for this key."""
    try:
        digest, _, content = file.read_text(encoding="utf-8").partition("\n")
        tokens = json.loads(content) if digest == _hash(key + content) else None
    except (OSError, ValueError, RecursionError):
        return None
    fits = isinstance(tokens, list) and len(tokens) == number and all(isinstance(each, str) for each in tokens)
    return tokens if fits else None
