"""Rows of images on disk: an array that `np.load` can read too, a checksum for each image and view, and a manifest.

Rows are read into memory of the reader's own, not mapped: pages of a map count as the
process's memory, so an epoch would come to hold the whole file. A row is checked when it
is first read, since what a disk lost may come back as zeros, and zeros are valid features.
"""

import json
import os
import weakref
import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from benchmarks.features.store import DamagedStore, ImageStore, Rows
from zoo.atomic import sync

_ROWS, _SUMS, _MANIFEST = "rows.npy", "sums.npy", "manifest.json"
_DAMAGE = (FileNotFoundError, EOFError, ValueError)  # others, as too many open files, are not


class _File(Rows):
    """Rows in a file, each read and checked by itself."""

    def __init__(self, folder: Path, sums: np.ndarray) -> None:
        self.folder, self.sums, self.sound = folder, sums, np.zeros(sums.shape, bool)
        try:
            with (folder / _ROWS).open("rb") as file:
                np.lib.format.read_magic(file)
                self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(file)
                self.start = file.tell()
            self.nbytes = prod(self.shape) * self.dtype.itemsize
            self.handle = os.open(folder / _ROWS, os.O_RDONLY)
        except _DAMAGE as error:
            raise DamagedStore(folder, f"{_ROWS} cannot be read ({error})") from error
        weakref.finalize(self, os.close, self.handle)
        if self.shape[:2] != sums.shape or os.fstat(self.handle).st_size != self.start + self.nbytes:
            raise DamagedStore(folder, f"{_ROWS} has another size than was written")

    def read(self, rows: Sequence[int], views: Sequence[int]) -> Tensor:
        """Into fresh memory."""
        values = np.empty((len(rows), *self.shape[2:]), self.dtype)
        for value, row, view in zip(values, rows, views, strict=True):
            self._fill(value, row, view)
        return torch.from_numpy(values)

    def _fill(self, value: np.ndarray, row: int, view: int) -> None:
        place = self.start + (row * self.shape[1] + view) * value.nbytes
        whole = os.preadv(self.handle, [value.data], place) == value.nbytes
        if not whole or not (self.sound[row, view] or zlib.crc32(value.data) == self.sums[row, view]):
            with suppress(OSError):  # without it the folder is no store, and is made again for who asks next
                (self.folder / _MANIFEST).unlink()
            raise DamagedStore(self.folder, f"row {row} of {_ROWS} is damaged")
        self.sound[row, view] = True


class Writer:
    """Writes a store into the empty folder `folder`, for at most so many images; close it by `with`."""

    def __init__(self, folder: Path, images: int) -> None:
        self.folder, self.images, self.rows = folder, images, dict[int, int]()
        self.sums: list[np.ndarray] = []
        self.shape: tuple[int, ...] = ()
        self.file: BinaryIO = (folder / _ROWS).open("wb")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def add(self, image_ids: Sequence[int], values: np.ndarray) -> None:
        """The next images, (images, views, ...), always of one shape and type.

        Raises:
            OSError: the disk is full, which shows at the first images: room for all is taken then.
        """
        values = np.ascontiguousarray(values)
        if not self.rows:
            self.shape, self.dtype = values.shape[1:], values.dtype
            self._header(self.images)
            if hasattr(os, "posix_fallocate"):  # macOS has none
                size = self.images * prod(self.shape) * self.dtype.itemsize
                os.posix_fallocate(self.file.fileno(), 0, self.file.tell() + size)
        assert (values.shape[1:], values.dtype) == (self.shape, self.dtype)
        self.file.write(values.data)
        self.sums.append(np.array([[zlib.crc32(view.data) for view in image] for image in values], np.uint32))
        self.rows |= {image: len(self.rows) + place for place, image in enumerate(image_ids)}

    def finish(self, *, grid: tuple[int, int] | None, skipped: Sequence[str], seconds: float) -> None:
        """Write the rest, and wait until all of it is on the disk."""
        self.file.truncate(self.file.tell())
        self.file.seek(0)
        self._header(len(self.rows))  # numpy leaves room for any number of rows
        sums = np.concatenate(self.sums)
        content = {"rows": list(self.rows), "grid": grid, "skipped": list(skipped), "seconds": seconds}
        manifest = json.dumps({**content, "sums": zlib.crc32(sums.data)})
        array = BytesIO()
        np.save(array, sums)  # into a file it would not notice that the disk is full
        with (self.folder / _SUMS).open("wb") as listed, (self.folder / _MANIFEST).open("wb") as manifest_file:
            listed.write(array.getbuffer())
            manifest_file.write(f"{manifest}\n{zlib.crc32(manifest.encode())}\n".encode())
            for file in (self.file, listed, manifest_file):
                file.flush()
                os.fsync(file.fileno())
        sync(self.folder)

    def _header(self, images: int) -> None:
        description = {"descr": self.dtype.str, "fortran_order": False, "shape": (images, *self.shape)}
        np.lib.format.write_array_header_1_0(self.file, description)


def open_store(folder: Path) -> ImageStore:
    """The store that was written into `folder`; its rows are checked when they are read.

    Raises:
        DamagedStore: something in `folder` is missing, or not what was written.
        OSError: it cannot be read, and may yet be whole.
    """
    try:
        manifest, checksum = (folder / _MANIFEST).read_text(encoding="utf-8").splitlines()
        content: dict[str, Any] = json.loads(manifest)
        sums = np.load(folder / _SUMS)
        whole = int(checksum) == zlib.crc32(manifest.encode()) and content["sums"] == zlib.crc32(sums.data)
    except _DAMAGE as error:
        raise DamagedStore(folder, f"cannot be read ({error})") from error
    if not whole:
        raise DamagedStore(folder, f"{_MANIFEST} or {_SUMS} is damaged")
    rows = {image: row for row, image in enumerate(content["rows"])}
    grid = tuple(content["grid"]) if content["grid"] else None
    return ImageStore(_File(folder, sums), rows, grid, content["skipped"], content["seconds"])


def listed(folder: Path) -> bool:
    """Whether `folder` is a store by its manifest, which one that was found to be damaged has lost."""
    return (folder / _MANIFEST).exists()
