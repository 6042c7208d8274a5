"""What a captions file holds, within limits: whoever made it may not mean well."""

import errno
from collections import Counter
from pathlib import Path
from typing import Any

_BYTES = 2**30  # COCO's captions have 0.1 of it

Pairs = list[tuple[str, Any]]


class NoCaptions(ValueError):
    """A captions file without a caption, as those of test images are published."""


def read(file: Path) -> bytes:
    """Its bytes.

    Raises:
        OSError: it cannot be read, or is no file: reading a pipe might never end.
        ValueError: it is too large.
    """
    if file.exists() and not file.is_file() and not file.is_dir():
        raise OSError(errno.EINVAL, "it is no file", str(file))
    with file.open("rb") as opened:
        content = opened.read(_BYTES + 1)
    if len(content) > _BYTES:
        raise ValueError(f"it has more than {_BYTES >> 30} GiB")
    return content


def read_text(file: Path) -> str:
    """Its text, in UTF-8 with or without a byte order mark.

    Raises:
        ValueError: it is not there, cannot be read, or is in another encoding; the message names file and line.
    """
    try:
        if not file.is_file():
            raise ValueError(f"no captions file {file}")
        content = read(file)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        why = f"not in UTF-8 (byte {content[error.start]:#x}): save it as UTF-8"
        raise ValueError(f"{file}, line {line}: {why}") from None


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of two keys alike, its readers would drop one without a word.

    Raises:
        ValueError: there are two.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:60]!a} stands there twice: give it a list, or name it once")
    return found
