"""Rows of images on disk: an array that `np.load` can read too, a checksum for each, and a manifest.

Rows are read into memory of the reader's own, not mapped: pages of a map count as the
process's memory, so an epoch would come to hold the whole file. A row is checked when it
is first read, since what a disk lost may come back as zeros, and zeros are valid features.
"""

import json
import os
import shutil
import weakref
import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from benchmarks.features.store import DamagedStore, ImageStore, Rows
from benchmarks.runtime.storage import allocate
from zoo.atomic import naming, publish, write_atomically
from zoo.partial import partial_path

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
                self.handle = os.dup(file.fileno())
            weakref.finalize(self, os.close, self.handle)
            self.nbytes = prod(self.shape) * self.dtype.itemsize
        except _DAMAGE as error:
            raise DamagedStore(folder, f"{_ROWS} cannot be read ({error})") from error
        if self.shape[:1] != sums.shape or os.fstat(self.handle).st_size != self.start + self.nbytes:
            raise DamagedStore(folder, f"{_ROWS} has another size than was written")

    def read(self, rows: Sequence[int]) -> Tensor:
        """Into fresh memory."""
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for value, row in zip(values, rows, strict=True):
            self._fill(value, row)
        return torch.from_numpy(values)

    def _fill(self, value: np.ndarray, row: int) -> None:
        with naming(self.folder / _ROWS):
            whole = _read_whole(self.handle, value, self.start + row * value.nbytes)
        if not whole or not (self.sound[row] or zlib.crc32(value.data) == self.sums[row]):
            if listed(self.folder) == _identity(os.fstat(self.handle)):  # and not what another has made there since
                with suppress(OSError):  # without it the folder is no store, and is made again for who asks next
                    (self.folder / _MANIFEST).unlink()
            raise DamagedStore(self.folder, f"row {row} of {_ROWS} is damaged")
        self.sound[row] = True


def _read_whole(handle: int, value: np.ndarray, place: int) -> bool:
    """Whether a file has all of `value` at a place; a read may give less than there is."""
    missing = memoryview(value.data).cast("B")
    while missing and (received := os.preadv(handle, [missing], place)):
        missing, place = missing[received:], place + received
    return not missing


class Writer:
    """Writes the store `key` into the empty folder `folder`, with at most `max_rows` rows; close it by `with`."""

    def __init__(self, folder: Path, max_rows: int, key: str) -> None:
        self.folder, self.max_rows, self.key, self.rows = folder, max_rows, key, dict[int, range]()
        self.sums: list[int] = []
        self.shape: tuple[int, ...] = ()
        self.file: BinaryIO = (folder / _ROWS).open("wb")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        with naming(self.folder / _ROWS):  # closing writes what is left
            self.file.close()

    def add(self, image_ids: Sequence[int], values: np.ndarray) -> None:
        """The next images, (images, views, ...): their rows have the shape and type of those before.

        Raises:
            OSError: the disk is full, which shows at the first images: room for all is taken then.
        """
        values = np.ascontiguousarray(values)
        with naming(self.folder / _ROWS):
            if not self.rows:
                self.shape, self.dtype = values.shape[2:], values.dtype
                self._header(self.max_rows)
                size = self.max_rows * prod(self.shape) * self.dtype.itemsize
                allocate(self.file.fileno(), self.file.tell() + size)
            assert (values.shape[2:], values.dtype) == (self.shape, self.dtype)
            self.file.write(values.data)
        for image, views in zip(image_ids, values, strict=True):
            self.rows[image] = range(len(self.sums), len(self.sums) + len(views))
            self.sums += [zlib.crc32(view.data) for view in views]

    def finish(
        self, *, grid: tuple[int, int] | None, skipped: Sequence[str], seconds: float, runtime: str = ""
    ) -> None:
        """Write the rest, and wait until all of it is on the disk."""
        sums = np.array(self.sums, np.uint32)
        made = {"grid": grid, "skipped": list(skipped), "seconds": seconds, "runtime": runtime}
        views = [[image, len(rows)] for image, rows in self.rows.items()]
        manifest = json.dumps({"store": self.key, "views": views, **made, "sums": zlib.crc32(sums.data)})
        array = BytesIO()
        np.save(array, sums)  # into a file it would not notice that the disk is full
        with naming(self.folder / _ROWS):
            self.file.truncate(self.file.tell())
            self.file.seek(0)
            self._header(len(sums))  # numpy leaves room for any number of rows
            self.file.flush()
            os.fsync(self.file.fileno())
        write_atomically(self.folder / _SUMS, array.getvalue())
        write_atomically(self.folder / _MANIFEST, f"{manifest}\n{zlib.crc32(manifest.encode())}\n")

    def _header(self, rows: int) -> None:
        description = {"descr": self.dtype.str, "fortran_order": False, "shape": (rows, *self.shape)}
        np.lib.format.write_array_header_1_0(self.file, description)


def open_store(folder: Path, key: str) -> ImageStore:
    """The store `key` that was written into `folder`; its rows are checked when they are read.

    Raises:
        DamagedStore: something in `folder` is missing, or not what was written.
        OSError: it cannot be read, and may yet be whole.
    """
    try:
        manifest, checksum = (folder / _MANIFEST).read_text(encoding="utf-8").splitlines()
        content: dict[str, Any] = json.loads(manifest)
        sums = np.load(folder / _SUMS)
        whole = int(checksum) == zlib.crc32(manifest.encode()) and content["sums"] == zlib.crc32(sums.data)
    except (*_DAMAGE, KeyError) as error:
        raise DamagedStore(folder, f"cannot be read ({error})") from error
    if not whole:
        raise DamagedStore(folder, f"{_MANIFEST} or {_SUMS} is damaged")
    if content.get("store") != key:  # also one of a version that did not say
        raise DamagedStore(folder, "is of other images or another backbone")
    ends = accumulate(views for _, views in content["views"])
    rows = {image: range(end - views, end) for (image, views), end in zip(content["views"], ends, strict=True)}
    grid = tuple(content["grid"]) if content["grid"] else None
    seconds, runtime = content["seconds"], content.get("runtime", "")
    return ImageStore(key, _File(folder, sums), rows, grid, content["skipped"], seconds, runtime)


def open_or_discard(folder: Path) -> ImageStore | None:
    """The store in `folder`, named as the folder; None where there is none that can be used, and then no folder either.

    Raises:
        OSError: it cannot be read, and may yet be whole.
    """
    try:
        return open_store(folder, folder.name)
    except DamagedStore:
        away = partial_path(folder)
    with suppress(FileNotFoundError):  # another process has moved it
        folder.rename(away)
        try:
            store = open_store(away, folder.name)
        except DamagedStore:
            pass
        else:  # another has made it in the meantime
            publish(away, folder)
            return store
        finally:
            shutil.rmtree(away, ignore_errors=True)  # those who read it keep it open
    return None


def listed(folder: Path) -> tuple[int, int] | None:
    """Which store lies in `folder`, a number of its own as long as it is open; None without a manifest.

    One that was found to be damaged has lost that.
    """
    try:
        return _identity((folder / _ROWS).stat()) if (folder / _MANIFEST).exists() else None
    except FileNotFoundError:
        return None


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino
