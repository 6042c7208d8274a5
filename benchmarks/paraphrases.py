"""METEOR's table of paraphrases, cut down to what can matter for a set of references and kept on disk.

METEOR pairs a phrase of the caption with a phrase of a reference. Pairs of the table whose
phrases both stand in no reference can go: it finds the same ones in the same order.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Collection, Iterator
from importlib.metadata import version
from itertools import compress
from operator import or_
from pathlib import Path

from benchmarks.java import jar
from benchmarks.references import write_whole

_FORMAT = 1  # to be raised when the same references get another table
_FOLDER = "paraphrases"
_CHUNK = 1 << 20
LONGEST, LETTERS = 7, 65  # words, and letters, that no phrase of the table has more of
_KNOWN = b"abcdefghijklmnopqrstuvwxyz0123456789"
_OTHERS = bytes(set(range(256)) - set(_KNOWN + b"\n"))
_PLAIN = re.compile("[a-z0-9 ]*").fullmatch
_PIECES = re.compile("[a-z0-9]+").findall


def full() -> Path:
    """The table that comes with METEOR: gzipped text, and for each pair three lines: a number, and two phrases."""
    return Path(jar("meteor/data/paraphrase-en.gz"))


def kept(references: Collection[str], cache: Path) -> Path | None:
    """The table for these references, which are tokenized: kept below `cache`, or made now; None where it cannot be.

    It is right for any part of them too. A file that is damaged is made again.
    """
    key = "\n".join([str(_FORMAT), version("pycocoevalcap"), *sorted(set(references))])
    table = cache / _FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.gz"
    if not _is_whole(table):
        # METEOR passes over the first line of three, and a phrase without words is nowhere: room for a checksum.
        content = b"\n\n" + b"".join(_cut(can_occur(references)))
        try:
            write_whole(table, gzip.compress(_digest(table, content) + b"\n" + content, compresslevel=1))
        except OSError:
            return None
    return table


def _is_whole(table: Path) -> bool:
    """Whether a table is there, as it was once written to this place: METEOR would use a part of one in silence."""
    try:
        head, _, content = gzip.decompress(table.read_bytes()).partition(b"\n")
    except (OSError, EOFError, zlib.error):
        return False
    return head == _digest(table, content)


def can_occur(references: Collection[str]) -> set[bytes]:
    """What words in a row can be, in any reference as METEOR reads it: without spaces, and as long as a phrase can be.

    At punctuation METEOR makes two words of one, or takes it out; it adds, drops and changes no
    letter and no digit. So those that follow each other there follow each other here, and where
    there is punctuation, a row may be of more pieces than words.
    """
    found: set[str] = set()
    for said in set(references):
        words, most = (said.split(), LONGEST) if _PLAIN(said) else (_pieces(said), LETTERS)
        for first in range(len(words)):
            row = ""
            for word in words[first : first + most]:
                row += word
                if len(row) > LETTERS:
                    break
                found.add(row)
    return {row.encode() for row in found}


def _pieces(said: str) -> list[str]:
    """What METEOR can take apart. Letters beyond English ones it may know, or not: those come one by one."""
    return _PIECES(said.lower()) if said.isascii() else [letter for each in _PIECES(said.lower()) for letter in each]


def _cut(rows: set[bytes]) -> Iterator[bytes]:
    known = rows.__contains__
    for lines in _lines():
        # Letters and digits alone, and no list of words for each of ten million phrases.
        bare = b"\n".join(lines).translate(None, _OTHERS).split(b"\n")
        kept = map(or_, map(known, bare[1::3]), map(known, bare[2::3]))
        yield b"".join(b"\n%b\n%b\n" % pair for pair in compress(zip(lines[1::3], lines[2::3], strict=True), kept))


def _lines() -> Iterator[list[bytes]]:
    """The full table's lines, threes of them together, and some megabytes at a time."""
    inflate, rest = zlib.decompressobj(wbits=31), b""
    with full().open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            *lines, rest = (rest + inflate.decompress(chunk)).split(b"\n")
            complete = len(lines) // 3 * 3
            rest = b"\n".join([*lines[complete:], rest])
            yield lines[:complete]


def _digest(table: Path, content: bytes) -> bytes:
    return hashlib.sha256(table.name.encode() + content).hexdigest().encode()
