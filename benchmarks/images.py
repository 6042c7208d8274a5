"""What a model is fed, read or computed once per image and kept on disk.

For a frozen backbone that is its features, so that a whole matrix of attentions, decoders
and seeds encodes each image once; for a trainable one, the resized pixels.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import Dataset, Example, UnreadableImage
from benchmarks.lock import locked
from benchmarks.progress import bar
from zoo.backbones import Backbone
from zoo.types import Features

_BATCH = 32
_FORMAT = 1


@dataclass(frozen=True)
class ImageStore:
    """An array on disk with one row per image.

    array: (images, views, N, D) float16 features, or (images, views, 3, H, W) uint8
        pixels; the second view, where there is one, is the mirrored image.
    rows: image id -> row; an image that could not be read has none.
    skipped: what could not be read, and why.
    seconds: how long it took to make.
    """

    array: np.ndarray
    rows: Mapping[int, int]
    grid: tuple[int, int] | None
    skipped: Sequence[str]
    seconds: float

    def batch(self, image_ids: Sequence[int], views: Sequence[int] | int = 0) -> Tensor:
        """The stored rows of these images, each in its view."""
        return torch.from_numpy(self.array[[self.rows[image] for image in image_ids], views])

    @property
    def views(self) -> int:
        """One, or two where mirrored images are stored."""
        return int(self.array.shape[1])


def image_store(
    dataset: Dataset, backbone: Backbone, *, named: str, mirror: bool, cache: Path, device: torch.device
) -> ImageStore:
    """The store for this data set and backbone, from `cache` or made now.

    `named` tells one backbone's code and options from another's that has the same weights.
    Two processes that ask at once make it once. A training image that cannot be read is
    left out and named; a judged one is refused, since a score over fewer images is
    another score.

    Raises:
        UnreadableImage: an image of the judged split cannot be read.
    """
    views = 2 if mirror and dataset.mirrorable else 1
    key = _key(dataset, backbone, named, views)
    folder = cache / "images" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _make(partial, dataset, backbone, views, device)
            partial.rename(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    rows = {int(image): row for image, row in manifest["rows"].items()}
    grid = tuple(manifest["grid"]) if manifest["grid"] else None
    array = np.load(folder / "rows.npy", mmap_mode="r")
    return ImageStore(array, rows, grid, manifest["skipped"], manifest["seconds"])


def see(backbone: Backbone, rows: Tensor, grid: tuple[int, int] | None) -> Features:
    """The features of stored rows: as they lie there, or by running a trainable backbone on the pixels."""
    if not backbone.trainable:
        return Features(rows.float(), grid)
    features: Features = backbone(backbone.preparation.normalise(rows))
    return features


def _key(dataset: Dataset, backbone: Backbone, named: str, views: int) -> str:
    content = (_FORMAT, dataset.fingerprint, dataset.files(), named, version("timm"), views, backbone.preparation)
    digest = hashlib.sha256(repr(content).encode())
    if not backbone.trainable:
        for name, tensor in backbone.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _make(folder: Path, dataset: Dataset, backbone: Backbone, views: int, device: torch.device) -> None:
    started = time.perf_counter()
    examples = [*dataset.test, *dataset.validation, *dataset.train]  # a refusal comes first
    judged = {example.image_id for example in dataset.test}
    rows: dict[int, int] = {}
    skipped: list[str] = []
    array: np.ndarray | None = None
    grid: tuple[int, int] | None = None
    with bar(len(examples), "resizing" if backbone.trainable else "encoding", "img") as shown:
        for batch, pixels, unreadable in _decoded(dataset, examples, backbone):
            if refused := [why for example, why in unreadable if example.image_id in judged]:
                raise UnreadableImage(f"judged image {refused[0]}: mend or fetch it again; scores need every image")
            skipped += [why for _, why in unreadable]
            if batch:
                values, grid = _rows(backbone, pixels, views, device)
                if array is None:
                    array = _allocate(folder / "rows.npy", (len(examples), *values.shape[1:]), values.dtype)
                array[len(rows) : len(rows) + len(batch)] = values
                rows |= {example.image_id: len(rows) + place for place, example in enumerate(batch)}
            shown.update(len(batch) + len(unreadable))
    if array is None:
        raise UnreadableImage("no image could be read")
    array.flush()  # type: ignore[attr-defined]  # it is a memory map
    seconds = time.perf_counter() - started
    manifest = {"rows": rows, "grid": grid, "skipped": skipped, "seconds": seconds}
    with (folder / "manifest.json").open("w") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())


def _decoded(
    dataset: Dataset, examples: Sequence[Example], backbone: Backbone
) -> Iterator[tuple[list[Example], Tensor, list[tuple[Example, str]]]]:
    """Batches of examples with their pixels, and those that could not be read; decoded ahead of use."""

    def decode(example: Example) -> Tensor | str:
        try:
            return backbone.preparation.resize(dataset.load(example))
        except UnreadableImage as error:
            return str(error)

    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = pool.map(decode, batches[0])
        for batch, following in zip(batches, [*batches[1:], []], strict=True):
            found, ahead = list(zip(batch, ahead, strict=True)), pool.map(decode, following)
            good = [(example, pixels) for example, pixels in found if isinstance(pixels, Tensor)]
            bad = [(example, why) for example, why in found if isinstance(why, str)]
            pixels = torch.stack([pixels for _, pixels in good]) if good else torch.empty(0)
            yield [example for example, _ in good], pixels, bad


@torch.inference_mode()
def _rows(
    backbone: Backbone, pixels: Tensor, views: int, device: torch.device
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """What is stored of a batch, (images, views, ...), and the grid of the features."""
    seen = [pixels, pixels.flip(-1)][:views]
    if backbone.trainable:
        return torch.stack(seen, dim=1).numpy(), None
    features = [backbone(backbone.preparation.normalise(view.to(device))) for view in seen]
    if features[0].mask is not None:
        raise ValueError("a frozen backbone's features are kept without a mask, and this one has one")
    tokens = torch.stack([view.tokens for view in features], dim=1)
    return tokens.half().cpu().numpy(), features[0].grid


def _allocate(file: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A memory map whose blocks exist: a full disk is then an error here, not a crash later."""
    array = np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with file.open("r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, file.stat().st_size)
    return array
