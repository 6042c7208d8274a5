"""A quick look at finished runs, for whoever passes over thousands of them: no more is read than must be.

A record is written with sorted keys, one line for each innermost value, and what grows with the
test images stands before `schema`: the last kilobytes tell how a run ended and how good it was.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.records.record import CAPTIONS, FILE, REQUEST, SCHEMA
from benchmarks.records.request import identity
from benchmarks.records.schema import Number, convert, loads, parse
from zoo.files import CONFIG, WEIGHTS

_TAIL = 16 * 2**10  # bytes; that of a published record has two thousand
_FIRST = b'\n "schema": '  # a line that can stand nowhere but among the outermost keys
_HEADER = 100_000_000  # bytes that safetensors allows its header
_ENDS = re.compile(rb'"data_offsets":\[\d+,(\d+)\]')


@dataclass(frozen=True, slots=True)
class Tail:
    """What the end of a record says; see `benchmarks.records.record.RunRecord`."""

    schema: int
    scores: Mapping[str, Number]
    seconds: Mapping[str, Number]
    seed: int
    signature: str
    status: Literal["done", "failed"]
    weights: str

    @property
    def done(self) -> bool:
        """Whether the cell ran to its end."""
        return self.status == "done"


def read_tail(folder: Path) -> Tail | None:
    """The end of the record in a run's folder, or None where that cannot be had so: then read the whole record.

    Whether the rest of the record is as it was written, it does not tell.
    """
    try:
        with _opened(folder / FILE) as (file, size):
            content = _last(file, size, _TAIL)
        start = content.rfind(_FIRST)
        if start < 0 or not content.endswith(b"\n}\n"):
            return None
        values = loads(b"{" + content[start:])
        tail = convert(values, Tail)
    except (OSError, ValueError):
        return None
    return tail if tail.schema == SCHEMA and list(values) == sorted(values) else None


def damage(folder: Path, run: str = "") -> str | None:
    """Which file of a finished run is missing or torn, and how; None where nothing is seen.

    Looked at are names, sizes and the ends of files, and whether the request is that of `run`, by default the one
    that the folder is named after. Altered bytes in the middle are for `caption-zoo leaderboard --check` to find.
    """
    try:
        for name, is_whole in _expected(folder):
            with _opened(folder / name) as (file, size):
                if not is_whole(file, size):
                    return f"{name} is torn"
        named = identity(parse(folder / REQUEST))
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    except ValueError as error:
        return f"{REQUEST} cannot be read: {error}"
    return None if named == (run or folder.name) else f"{REQUEST} is not that of run {run or folder.name}"


def _expected(folder: Path) -> Iterator[tuple[str, Callable[[int, int], bool]]]:
    """The files of a run, and whether each is whole; the model of an ensemble lies in the folders of its members."""
    yield from _WHOLE.items()
    request = parse(folder / REQUEST)
    if not (isinstance(request, dict) and "ensemble" in request):
        yield from _MODEL.items()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    """A file and its size, without waiting for whoever writes into a pipe."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield file, os.fstat(file).st_size
    finally:
        os.close(file)


def _last(file: int, size: int, count: int) -> bytes:
    """The last `count` bytes, or all where there are fewer."""
    return os.pread(file, count, max(0, size - count))


def _ends_in(end: bytes) -> Callable[[int, int], bool]:
    return lambda file, size: _last(file, size, len(end)) == end


def _fits_its_header(file: int, size: int) -> bool:
    """Whether a safetensors file has as many bytes as the tensors that its header lists."""
    length = int.from_bytes(os.pread(file, 8, 0), "little")
    header = os.pread(file, length, 8) if length <= min(size, _HEADER) else b""
    end = max(map(int, _ENDS.findall(header)), default=0)
    return header.rstrip(b" ").endswith(b"}") and size == 8 + length + end


_WHOLE: Mapping[str, Callable[[int, int], bool]] = {CAPTIONS: _ends_in(b"]\n"), REQUEST: _ends_in(b"}\n")}
_MODEL: Mapping[str, Callable[[int, int], bool]] = {CONFIG: _ends_in(b"}\n"), WEIGHTS: _fits_its_header}
