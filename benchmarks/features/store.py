"""The model's input for each image, wherever it is stored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

_TOGETHER = 64  # rows that are moved to a device at a time


class DamagedStore(OSError):
    """What lies on disk is not what was written; the message names the folder."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(f"{folder}: {what}; it is made again when it is next asked for, or else delete this folder")


class Rows(ABC):
    """Rows, (rows, ...), wherever they lie: each is one view of an image."""

    shape: tuple[int, ...]
    nbytes: int

    @abstractmethod
    def read(self, rows: Sequence[int]) -> Tensor:
        """Those rows, in that order."""


@dataclass(frozen=True)
class ImageStore:
    """The model's input for each image.

    key: names what is stored; two stores with one are one.
    source: (rows, ...): features (N, D) or the output of a backbone's frozen stem, in
        float16, or pixels (3, H, W) in uint8.
    rows: image id -> the rows of its views, of which the first is the whole picture, see `Views`; only training
        images have others. An image that could not be read has none.
    skipped: what could not be read, and why.
    seconds: how long it took to make.
    runtime: what ran the backbone, by name and version; empty where nothing did, or it is not known.
    """

    key: str
    source: Rows
    rows: Mapping[int, range]
    grid: tuple[int, int] | None
    skipped: Sequence[str]
    seconds: float
    runtime: str = ""

    def batch(self, image_ids: Sequence[int], views: Sequence[int] | int = 0) -> Tensor:
        """The stored rows of these images, each in its view, on the device where they lie.

        Raises:
            DamagedStore: a row is not what was written.
            IndexError: an image has no such view.
        """
        chosen = [views] * len(image_ids) if isinstance(views, int) else views
        return self.source.read([self.rows[image][view] for image, view in zip(image_ids, chosen, strict=True)])

    @property
    def views(self) -> int:
        """Of each training image: one, where neither mirrored images nor crops are stored."""
        return max(map(len, self.rows.values()))

    def on(self, device: torch.device) -> "ImageStore":
        """The same with all rows in the memory of `device`, so that a batch is an index there.

        Raises:
            DamagedStore: a row is not what was written.
        """
        return replace(self, source=_InMemory(self.source, device))


class _InMemory(Rows):
    """All rows in the memory of a device."""

    def __init__(self, source: Rows, device: torch.device) -> None:
        self.shape, self.nbytes = source.shape, source.nbytes
        self.values = torch.empty(self.shape, dtype=source.read([]).dtype, device=device)
        for start in range(0, self.shape[0], _TOGETHER):
            some = range(start, min(start + _TOGETHER, self.shape[0]))
            self.values[start : some.stop] = source.read(some).to(device)

    def read(self, rows: Sequence[int]) -> Tensor:
        """An index on the device."""
        places = torch.tensor(list(rows), dtype=torch.long)
        if self.values.is_cuda:
            places = places.pin_memory()  # so that nobody waits for the copy
        return self.values[places.to(self.values.device, non_blocking=True)]
