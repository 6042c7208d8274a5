"""METEOR's table of paraphrases, cut down to what can matter for a set of references and cached on disk.

METEOR pairs a phrase of the caption with a phrase of a reference. Pairs of the table whose
phrases both stand in no reference can go: it finds the same ones in the same order. Pairs
too many do no harm, so phrases are compared by a sum over their letters.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.metrics.java.process import jar
from zoo.atomic import write_atomically
from zoo.partial import remove_abandoned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = 2  # to be raised when the same references get another table
_FOLDER = "paraphrases"
_CHUNK = 1 << 21  # bytes
LONGEST, LETTERS = 7, 65  # words, and letters, that no phrase of the table has more of
_COUNTED = b"abcdefghijklmnopqrstuvwxyz0123456789"
_PLAIN = re.compile("[a-z0-9 ]*").fullmatch
_PIECES = re.compile("[a-z0-9]+").findall
Item = TypeVar("Item")


def full() -> Path:
    """The table that comes with METEOR: gzipped text, and for each pair three lines: a number, and two phrases."""
    return Path(jar("meteor/data/paraphrase-en.gz"))


def cached_table(references: Collection[str], *folders: Path) -> Path:
    """The table for these references, which are tokenized: found below a folder, or made in the first that takes it.

    It is right for any part of them too. A file that is damaged is made again.

    Raises:
        OSError: no folder can be written to.
    """
    key = "\n".join([str(_FORMAT), version("pycocoevalcap"), *sorted(set(references))])
    name = f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.gz"
    places = [folder / _FOLDER / name for folder in folders]
    if table := next(filter(_is_whole, places), None):
        return table
    # METEOR passes over the first line of three, and a phrase without words is nowhere: room for a checksum.
    content = b"\n\n" + b"".join(_cut(Rows(references)))
    packed = gzip.compress(_digest(name, content) + b"\n" + content, compresslevel=1, mtime=0)  # and no date
    for table in places:
        remove_abandoned(table.parent)
    for table in places[:-1]:
        with suppress(OSError):
            write_atomically(table, packed)
            return table
    write_atomically(places[-1], packed)
    return places[-1]


def _is_whole(table: Path) -> bool:
    """Whether a table is there, as it was once written to this place: METEOR would use a part of one in silence."""
    try:
        head, _, content = gzip.decompress(table.read_bytes()).partition(b"\n")
    except (OSError, EOFError, zlib.error):
        return False
    return head == _digest(table.name, content)


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + content).hexdigest().encode()


class Rows:
    """What words in a row can be, in any reference as METEOR reads it: as sums over letters and digits.

    At punctuation METEOR makes two words of one, or takes it out; it adds, drops and changes no
    letter and no digit. So those that follow each other there follow each other here, and where
    there is punctuation, a row may be of more pieces than words.
    """

    def __init__(self, references: Collection[str]) -> None:
        import numpy as np

        words: list[str] = []
        pieces: list[str] = []
        for reference in sorted(set(references)):
            plain = _PLAIN(reference)
            (words if plain else pieces).extend(reference.split() if plain else _pieces(reference))
        self._sums = np.sort(np.concatenate([_in_a_row(words, LONGEST), _in_a_row(pieces, LETTERS)]))
        self._maybe = np.zeros(1 << 24, bool)  # by a sum's upper bits: says no at once to almost all
        self._maybe[self._sums >> 8] = True

    def have(self, sums: "NDArray[np.uint32]") -> "NDArray[np.bool_]":
        """Which of these phrases can be in a reference."""
        import numpy as np

        found = self._maybe[sums >> 8]
        likely = sums[found]
        found[found] = self._sums.take(np.searchsorted(self._sums, likely), mode="clip") == likely
        return found


def _in_a_row(words: list[str], most: int) -> "NDArray[np.uint32]":
    """The sums of one to `most` words that follow each other, also from one reference to the next."""
    import numpy as np

    text = "".join(f"{word}\n" for word in words).encode()
    until = np.concatenate([np.zeros(1, np.uint32), np.cumsum(_sums(text, _ends(text)), dtype=np.uint32)])
    return np.concatenate([until[number:] - until[:-number] for number in range(1, most + 1)])


def _pieces(reference: str) -> list[str]:
    """What METEOR can take apart. Letters beyond English ones it may know, or not: those come one by one."""
    pieces = _PIECES(reference.lower())
    return pieces if reference.isascii() else [letter for piece in pieces for letter in piece]


def _ends(text: bytes) -> "NDArray[np.intp]":
    import numpy as np

    return np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))


def _sums(text: bytes, ends: "NDArray[np.intp]") -> "NDArray[np.uint32]":
    """For each line, the sum over its letters and digits of a number that each has by chance."""
    import numpy as np

    if not len(ends):
        return np.zeros(0, np.uint32)
    numbers = np.zeros(256, np.uint32)
    numbers[list(_COUNTED)] = np.random.default_rng(0).integers(1 << 32, size=len(_COUNTED), dtype=np.uint32)
    starts = np.concatenate([np.zeros(1, np.intp), ends[:-1]])
    return np.add.reduceat(numbers[np.frombuffer(text, np.uint8)[: ends[-1]]], starts, dtype=np.uint32)


def _cut(rows: Rows) -> Iterator[bytes]:
    import numpy as np

    rest = b""
    for chunk in _ahead(_inflated()):
        text = rest + chunk
        ends = _ends(text)
        ends = ends[: len(ends) // 3 * 3]
        sums = _sums(text, ends)
        for pair in np.flatnonzero(rows.have(sums[1::3]) | rows.have(sums[2::3])).tolist():
            yield b"\n" + text[ends[3 * pair] + 1 : ends[3 * pair + 2] + 1]
        rest = text[ends[-1] + 1 :] if len(ends) else text


def _inflated() -> Iterator[bytes]:
    """The full table, some megabytes at a time."""
    inflate = zlib.decompressobj(wbits=31)
    with full().open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield inflate.decompress(chunk)


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same, each next one made while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
