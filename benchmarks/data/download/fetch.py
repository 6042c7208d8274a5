"""A whole file from a server, whatever the connection does: resumed, retried, bounded."""

import json
import re
import time
from email.message import Message
from http.client import PARTIAL_CONTENT
from pathlib import Path
from typing import Any

from benchmarks.data.download.connection import Interrupted, Resource, blocks, connect
from zoo.atomic import write_atomically

_TRIES = 6  # in a row, of which none brings a mebibyte
_ENOUGH = 2**20
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds


def fetch(resource: Resource, part: Path, progress: Any) -> bool:
    """Make `part` the whole file, from where it stopped; return whether one connection has brought all of it.

    What comes is kept in `part` whatever happens, and beside it what tells whether the server still has the same file.

    Raises:
        ValueError: the server has something else.
        OSError: it cannot be reached, refuses, or the connection broke too often; or the disk is full.
    """
    failures, most = 0, size(part)
    while True:
        try:
            return _attempt(resource, part, progress)
        except Interrupted as error:
            reached = size(part)
            failures = 1 if reached >= most + _ENOUGH else failures + 1
            most = max(most, reached)
            if error.useless:
                discard(part)
            if failures == _TRIES:
                why = f"{resource}: {error}, and so {failures} times in a row"
                raise OSError(f"{why}; the same command tries again, from {size(part):,} bytes on") from None
            time.sleep(min(error.pause or _FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE))


def size(part: Path) -> int:
    """How many bytes of it are there."""
    return part.stat().st_size if part.is_file() else 0


def discard(part: Path) -> None:
    """Forget what was fetched into `part`."""
    part.unlink(missing_ok=True)
    state_file(part).unlink(missing_ok=True)


def state_file(part: Path) -> Path:
    """What is known of the file that `part` is the beginning of: its validator and its size."""
    return part.with_name(f"{part.name}.json")


def _attempt(resource: Resource, part: Path, progress: Any) -> bool:
    """One connection."""
    validator, total = _state(part)
    have = size(part) if validator else 0
    if have and have == total:
        return False
    with connect(resource, {"Range": f"bytes={have}-", "If-Range": validator} if have else {}) as response:
        resumed = response.status == PARTIAL_CONTENT
        if resumed:
            _refuse_other_range(response.headers, have, total, validator)
        else:
            have, total = 0, _length(response.headers, resource.size)
            _refuse_other_file(resource, response.headers, total)
            discard(part)
            write_atomically(state_file(part), json.dumps([_validator(response.headers), total]))
        progress.n = have
        with part.open("ab") as file:
            for block in blocks(response):
                have += len(block)
                if have > resource.limit:
                    raise ValueError(f"{resource} has more than {resource.limit:,} bytes, the most that is fetched")
                file.write(block)
                file.flush()  # a process that is killed loses nothing; from Python 3.14 on 128 KiB are held back
                progress.update(len(block))
    if total is not None and have < total:
        raise Interrupted(f"the connection ended after {have:,} of {total:,} bytes")
    return not resumed


def _refuse_other_file(resource: Resource, headers: Message, total: int | None) -> None:
    if headers.get_content_type() == "text/html":
        raise ValueError(f"{resource} is a web page, and no file to fetch: open it in a browser to see what it says")
    if total is not None and resource.size not in (None, total):
        raise ValueError(f"{resource} has {total:,} bytes, and should have {resource.size:,}: it is another file")
    if total is not None and total > resource.limit:
        raise ValueError(f"{resource} has {total:,} bytes, and {resource.limit:,} are the most that is fetched")


def _refuse_other_range(headers: Message, have: int, total: int | None, validator: str) -> None:
    """A part that is not the rest of what is there cannot be used, and neither can what is there."""
    found = headers.get("Content-Range", "")
    if not have or found != f"bytes {have}-{(total or 0) - 1}/{total}" or _validator(headers) not in ("", validator):
        raise Interrupted(f"asked for bytes from {have:,} on, it sends {found[:60]!r} of its file", useless=True)


def _length(headers: Message, otherwise: int | None) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) < 19 else otherwise


def _validator(headers: Message) -> str:
    """What tells whether a file is still the same; a weak entity tag does not."""
    etag = headers.get("ETag", "")
    return etag if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) else headers.get("Last-Modified", "")


def _state(part: Path) -> tuple[str, int | None]:
    """The validator of the file that `part` is the beginning of, and its size; empty where they are not known."""
    try:
        validator, total = json.loads(state_file(part).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return "", None
    return (validator, total) if isinstance(validator, str) and isinstance(total, int) else ("", None)
