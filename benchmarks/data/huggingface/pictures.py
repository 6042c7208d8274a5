"""The column of images: bytes in the table, or paths to files and to members of zip archives, read by row."""

import os
import re
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zipfile import BadZipFile, ZipFile

from benchmarks.data.huggingface.source import is_inside

_LARGEST = 2**28  # bytes of an image
_ZIPPED = re.compile(r"zip://(.+)::(.+)", re.DOTALL)  # as the datasets library names a member


class Pictures:
    """The images of a split, as a `pyarrow.ChunkedArray` that is mapped from disk: bytes, or bytes and a path.

    roots: the only folders that files may lie in; a relative path starts at the first.
    """

    def __init__(self, column: Any, roots: tuple[str, ...]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        structured = pa.types.is_struct(column.type)
        self._bytes = pc.struct_field(column, "bytes") if structured else column
        self._lengths: list[int | None] = pc.binary_length(self._bytes).to_pylist()  # which reads no image
        paths = pc.struct_field(column, "path").to_pylist() if structured else [None] * len(column)
        self._paths: list[str | None] = paths
        self._roots, self._real = roots, tuple(map(os.path.realpath, roots))

    def name(self, row: int) -> str:
        """What the image's file is called: below the folder, or where its bytes are in the table, without any folder.

        It is empty where the table does not say.
        """
        path = self._paths[row] or ""
        if self._lengths[row] is not None:
            return re.split(r"[\\/]", path)[-1]
        if zipped := _ZIPPED.fullmatch(path):
            return normalize("NFC", zipped[1])
        return normalize("NFC", os.path.relpath(self._file(path), self._roots[0]))

    def is_file(self, row: int) -> bool:
        """Whether it is a file of its own, which has one name wherever the table names it."""
        return self._lengths[row] is None

    def size(self, row: int) -> int | None:
        """Bytes of the image as it is stored; None where the row has none.

        Raises:
            ValueError: it is a file that is missing, or leads out of the folders, or is nowhere here.
        """
        path = self._paths[row]
        if self._lengths[row] is not None or not path:
            return self._lengths[row]
        zipped = _ZIPPED.fullmatch(path)
        file = self._file(zipped[2] if zipped else path)
        if "://" in file:
            raise ValueError(f"the image {path[:200]!r} is a link, and no image: download what it leads to")
        if not is_inside(file, self._real):
            raise ValueError(f"the image {path[:200]!r} leads out of the folder: copy it there")
        if not os.path.isfile(file):  # noqa: PTH113  pathlib may raise
            raise ValueError(f"no image {self.name(row)[:200]!r}: add it, or leave its row out")
        try:
            return _archive(file, os.getpid()).getinfo(zipped[1]).file_size if zipped else Path(file).stat().st_size
        except (KeyError, BadZipFile) as error:
            raise ValueError(f"no image {self.name(row)[:200]!r} in {Path(file).name}: {error}") from None

    def stored(self, row: int) -> BytesIO | Path:
        """The image as it is stored.

        Raises:
            ValueError: it is too large.
        """
        zipped = _ZIPPED.fullmatch(path := self._paths[row] or "")
        if self._lengths[row] is None and not zipped:
            return Path(self._file(path))
        if (size := self.size(row) or 0) > _LARGEST:
            raise ValueError(f"{size:,} bytes are more than an image has")
        if self._lengths[row] is not None:
            return BytesIO(self._bytes[row].as_buffer())
        assert zipped
        return BytesIO(_archive(self._file(zipped[2]), os.getpid()).read(zipped[1]))

    def _file(self, path: str) -> str:
        return path if "://" in path else os.path.normpath(os.path.join(self._roots[0], path.replace("\0", "?")))  # noqa: PTH118  pathlib keeps ..


@lru_cache(maxsize=16)
def _archive(file: str, process: int) -> ZipFile:
    """An archive, opened once by each process: a fork shares the place where a file is read."""
    return ZipFile(file)
