"""The model's input for each image: read or computed once, and cached on disk.

For a frozen backbone that is its features, so that a whole matrix of attentions, decoders
and seeds encodes each image once. For one that is trained in its last stages it is the
output of the frozen ones, and for one that is trained altogether the resized pixels.
"""

import hashlib
import sys
import time
from collections.abc import Generator
from contextlib import closing
from importlib.metadata import version
from math import inf, prod
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.data import Dataset, UnreadableImage
from benchmarks.features.encode import EncodedBatch, encode_batches, lanes, refuse_lost, row_encoder
from benchmarks.features.files import Writer, listed, open_or_discard, open_store
from benchmarks.features.runtime import GRAPHS, ONNX, fast_encoder, runtime_of
from benchmarks.features.store import ImageStore
from benchmarks.features.views import Views
from benchmarks.features.weights import add_weights
from benchmarks.runtime.device import free_memory
from benchmarks.runtime.locks import locked
from benchmarks.runtime.progress import bar, write
from zoo.atomic import make_folder, partial_folder, publish
from zoo.backbones import Backbone
from zoo.backbones.cut import Cut, trainable_tail
from zoo.backbones.cutting import find_cut
from zoo.partial import remove_abandoned
from zoo.types import Features

_FORMAT = 4
_TIMES = 4  # what is stored of an image may take so many times the room of its pixels
_SHARE = 0.25  # of a device's free memory that rows may take


class FeatureCache:
    """The stores below a folder, one for each data set and backbone; the one opened last stays open.

    A store holds what it has read and checked, so the next cell with the same backbone reads
    nothing twice. The state of a data set's image files is looked up once for all cells.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self._open: tuple[Path, tuple[int, int], ImageStore] | None = None
        self._files: tuple[Dataset, str] | None = None

    def store(
        self, dataset: Dataset, backbone: Backbone, *, named: str, hflip: bool, crops: int = 0, crop_scale: float = 1.0
    ) -> ImageStore:
        """The store for this data set and backbone, from disk or made now.

        `named` tells one backbone's code and options from another's that has the same weights. Two processes that ask
        at once make it once, or where the file system has no locks perhaps twice, and both use the first; what is
        found to be damaged is made again. Where the device has memory of its own and the rows take at most a quarter
        of what is free, they are moved there. A training image that cannot be read is left out and named; a test
        image is refused, since a score over fewer images is another score.

        Raises:
            UnreadableImage: an image of the test split cannot be read, or more than half of another split.
        """
        views = Views(hflip and dataset.allows_hflip, crops, crop_scale)
        cut, why = stored_cut(backbone)
        key = _key(dataset, self._state_of_files(dataset), backbone, cut, named, views)
        folder = self.folder / "images" / key
        make_folder(folder.parent)
        with locked(folder.with_suffix(".lock"), f"that encodes images, {folder.name}"):
            if self._open and self._open[:2] == (folder, listed(folder)):
                return self._open[2]
            self._open = None  # first, for its memory
            which, store = listed(folder), open_or_discard(folder)
            if store is None:
                if why:
                    write(f"{named.strip()}: its frozen part runs in each step: {why}", sys.stderr)
                encoder = self.store_encoder(dataset, backbone, named=named, views=views)
                _make_store(folder, dataset, encoder, cut, views, self.device)
                which, store = listed(folder), open_store(folder, key)
        fits = store.source.nbytes <= _SHARE * free_memory(self.device)
        store = store.on(self.device) if fits else store
        self._open = (folder, which, store) if which else None
        return store

    def encoder(self, store: ImageStore, backbone: Backbone, *, named: str) -> Backbone:
        """What made the features in `store`: `backbone`, or what encodes the same faster."""
        return self._fast(backbone, named, inf, 1) if store.runtime.startswith(ONNX) else backbone

    def store_encoder(self, dataset: Dataset, backbone: Backbone, *, named: str, views: Views) -> Backbone:
        """What encodes the rows of a new store: `backbone`, or where it is frozen what gives the same faster."""
        return backbone if backbone.trainable else self._fast(backbone, named, views.total(dataset), lanes(self.device))

    def _fast(self, backbone: Backbone, named: str, images: float, at_once: int) -> Backbone:
        if self.device.type != "cpu":
            return backbone
        threads = max(1, torch.get_num_threads() // at_once)
        return fast_encoder(backbone, self.folder / GRAPHS, named=named, images=images, threads=threads)

    def _state_of_files(self, dataset: Dataset) -> str:
        if self._files is None or self._files[0] is not dataset:
            self._files = (dataset, dataset.files())
        return self._files[1]


def compute_features(backbone: Backbone, rows: Tensor, grid: tuple[int, int] | None) -> Features:
    """The features of stored rows: as they are stored, or by running the trained part of the backbone on them."""
    if not backbone.trainable:
        return Features(rows.float(), grid)
    if rows.dtype == torch.uint8:
        features: Features = backbone(backbone.preprocess.normalize(rows))
        return features
    cut = find_cut(backbone)
    assert isinstance(cut, Cut), cut
    return trainable_tail(backbone, cut, rows)


def stored(backbone: Backbone, pixels: Tensor) -> tuple[Tensor, tuple[int, int] | None]:
    """What a store holds of images, (B, 3, H, W) bytes, and the grid that `compute_features` needs beside it."""
    with row_encoder(backbone, stored_cut(backbone)[0], pixels.device) as encode:
        rows, grid = encode(pixels)
    return rows.to(pixels.device).clone(), grid  # one that autograd may keep


def stored_cut(backbone: Backbone) -> tuple[Cut | None, str]:
    """Behind which part of a trainable backbone the store begins; or why what is frozen of it is not stored."""
    frozen = any(not parameter.requires_grad for parameter in backbone.parameters())
    if not backbone.trainable or not frozen:
        return None, ""
    cut = find_cut(backbone)
    if isinstance(cut, str):
        return None, cut
    times = 2 * prod(cut.shape) / (3 * prod(backbone.preprocess.size))
    if times > _TIMES:
        return None, f"what it gives takes {times:.1f} times the room of the pixels"
    return cut, ""


def _key(dataset: Dataset, files: str, backbone: Backbone, cut: Cut | None, named: str, views: Views) -> str:
    """What the rows are made of.

    timm's version counts as it is, for it has the models. Of Pillow and torchvision, which read and resize, the first
    two numbers count: a release that changes the third is no reason to encode a large data set again.
    """
    versions = (version("timm"), *(version(name).split(".")[:2] for name in ("pillow", "torchvision")))
    content = (_FORMAT, dataset.fingerprint, files, named, versions, views.key, backbone.preprocess)
    digest = hashlib.sha256(repr((*content, cut and cut.modules)).encode())
    if cut or not backbone.trainable:
        add_weights(digest, backbone)
    return digest.hexdigest()[:24]


def _make_store(
    folder: Path, dataset: Dataset, backbone: Backbone, cut: Cut | None, views: Views, device: torch.device
) -> None:
    """Make the store under a partial name; it gets its own when all of it is on disk, unless another was first."""
    remove_abandoned(folder.parent)
    with partial_folder(folder) as partial:
        _make(partial, folder.name, dataset, backbone, cut, views, device)
        publish(partial, folder)


def _make(
    folder: Path, key: str, dataset: Dataset, backbone: Backbone, cut: Cut | None, views: Views, device: torch.device
) -> None:
    started = time.perf_counter()
    images = sum(map(len, (dataset.test, dataset.validation, dataset.train)))
    test = {example.image_id for example in dataset.test}
    skipped: list[str] = []
    grid: tuple[int, int] | None = None
    what = "resizing" if backbone.trainable and not cut else "encoding"
    batches = _encoded(dataset, backbone, cut, views, device)
    with bar(images, what, "img") as progress, Writer(folder, views.total(dataset), key) as writer, closing(batches):
        for batch in batches:
            if refused := [why for example, why in batch.unreadable if example.image_id in test]:
                raise UnreadableImage(f"test image {refused[0]}: mend or fetch it again; scores need every image")
            skipped += [why for _, why in batch.unreadable]
            if batch.examples:
                writer.add([example.image_id for example in batch.examples], batch.rows)
                grid = batch.grid
            progress.update(len(batch.examples) + len(batch.unreadable))
        refuse_lost(dataset, writer.rows, skipped)
        runtime = "" if backbone.trainable and not cut else runtime_of(backbone)
        writer.finish(grid=grid, skipped=skipped, seconds=time.perf_counter() - started, runtime=runtime)


def _encoded(
    dataset: Dataset, backbone: Backbone, cut: Cut | None, views: Views, device: torch.device
) -> Generator[EncodedBatch, None, None]:
    """Test and validation images as whole pictures, whose refusal comes first, and training images in all views."""
    for examples, split_views in (([*dataset.test, *dataset.validation], Views()), (dataset.train, views)):
        yield from encode_batches(dataset, examples, backbone, cut, views=split_views, device=device)
