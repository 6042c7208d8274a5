"""References as the tokenizer gives them, kept on disk: the same captions are not tokenized twice."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

Tokenizer = Callable[[Sequence[str]], list[str]]

_FORMAT = 1  # to be raised when the same captions get other words
_FOLDER = "references"


def kept(captions: Sequence[str], tokenize: Tokenizer, cache: Path | None) -> list[str]:
    """What `tokenize` makes of `captions`: read from `cache`, or made now and kept there.

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
        with suppress(OSError):
            content = json.dumps(tokens)
            write_whole(file, f"{_hash(key + content)}\n{content}".encode())
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


def write_whole(file: Path, content: bytes) -> None:
    """Under a name of its own first: whoever reads, or writes the same, sees a whole file or none.

    Raises:
        OSError: the folder cannot be written to.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=file.parent, prefix=f"{file.stem}-", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        Path(partial).chmod(0o644)  # mkstemp leaves it to the owner alone
        Path(partial).replace(file)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
