"""Images in, rows out: decoded and encoded on all cores, in the order of the data set.

Each thread takes a batch from its files to its rows, and the operations inside run on one
core. So no core waits for another at the end of each operation, as it does where all of them
share one batch, and decoding needs no cores of its own.
"""

from collections import deque
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from benchmarks.data import Dataset, Example, UnreadableImage
from benchmarks.features.views import Views
from benchmarks.runtime.device import cores
from zoo.backbones import Backbone, Features, upright
from zoo.backbones.cut import Cut, frozen_stem

BATCH = 32
PART = 4  # images that a processor encodes at a time: activations of more leave its caches
_LOST = 0.5  # share of a split whose images may be unreadable
_LANES = 8  # batches that a processor has in work at a time, at most: each takes memory
_READERS = 32  # the same beside another device, where a batch in work is pixels

RowEncoder = Callable[[Tensor], tuple[Tensor, tuple[int, int] | None]]  # (B, 3, H, W) bytes to rows and their grid


@dataclass(frozen=True)
class EncodedBatch:
    """A batch of `examples` with its `rows`, (images, views, ...), and what could not be read."""

    examples: Sequence[Example]
    rows: np.ndarray
    grid: tuple[int, int] | None
    unreadable: Sequence[tuple[Example, str]]


def encode_batches(
    dataset: Dataset,
    examples: Sequence[Example],
    backbone: Backbone,
    cut: Cut | None,
    *,
    views: Views,
    device: torch.device,
    batch_size: int = BATCH,
) -> Generator[EncodedBatch, None, None]:
    """Batch by batch what is stored of these images: features, the output of a frozen stem, or pixels."""
    with row_encoder(backbone, cut, device) as encode, _workers(device) as (pool, workers):

        def work(batch: Sequence[Example]) -> EncodedBatch:
            loaded = [(example, _pixels(dataset, backbone, example, views)) for example in batch]
            good = [(example, pixels) for example, pixels in loaded if not isinstance(pixels, str)]
            bad = [(example, why) for example, why in loaded if isinstance(why, str)]
            if not good:
                return EncodedBatch((), np.empty(0), None, bad)
            shown = [_together(pixels) for pixels in zip(*(pixels for _, pixels in good), strict=True)]
            encoded = [encode(view.flip(-1) if flip else view) for view in shown for flip in range(1 + views.hflip)]
            rows = torch.stack([rows for rows, _ in encoded], dim=1).numpy()
            return EncodedBatch([example for example, _ in good], rows, encoded[0][1], bad)

        waiting: deque[Future[EncodedBatch]] = deque()
        for start in range(0, len(examples), batch_size):
            waiting.append(pool.submit(work, examples[start : start + batch_size]))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def row_encoder(backbone: Backbone, cut: Cut | None, device: torch.device) -> Iterator[RowEncoder]:
    """What turns pixels into what is stored of them; several threads may call it at once.

    Raises:
        ValueError: from the function; its values have no place in what is stored.
    """
    if backbone.trainable and cut is None:
        yield lambda pixels: (pixels, None)
        return
    if cut is None:
        yield _alone(device, lambda pixels: _features(backbone(backbone.preprocess.normalize(pixels))))
        return
    with frozen_stem(backbone, cut) as run:
        yield _alone(device, lambda pixels: (_half(run(backbone.preprocess.normalize(pixels))), None))


def _alone(device: torch.device, work: RowEncoder) -> RowEncoder:
    """`work` by any number of threads at once on a processor, by one at a time on another device: memory is dear."""
    lock = Lock()

    @torch.inference_mode()
    def alone(pixels: Tensor) -> tuple[Tensor, tuple[int, int] | None]:
        if device.type == "cpu":
            parts = [work(part) for part in pixels.split(PART)]
            return torch.cat([rows for rows, _ in parts]), parts[0][1]
        with lock:
            rows, grid = work(pixels.to(device))
            return rows.cpu(), grid

    return alone


def _features(features: Features) -> tuple[Tensor, tuple[int, int] | None]:
    if features.mask is not None:
        raise ValueError("a frozen backbone's features are stored without a mask, and this one has one")
    return _half(features.tokens), features.grid


def _half(values: Tensor) -> Tensor:
    halves = values.half()
    if not halves.isfinite().all():
        raise ValueError("the backbone gives numbers above 65,504 or none at all, which float16 cannot hold")
    return halves


def _together(images: Sequence[Tensor]) -> Tensor:
    """One batch, channels last in memory, as pictures have them: nothing but copies of whole images."""
    return torch.stack([rearrange(image, "c h w -> h w c") for image in images]).permute(0, 3, 1, 2)


def _pixels(dataset: Dataset, backbone: Backbone, example: Example, views: Views) -> list[Tensor] | str:
    """Of each view that is not mirrored, (3, H, W); or why the image cannot be read."""
    try:
        picture = upright(dataset.load(example))
    except UnreadableImage as error:
        return str(error)
    return [backbone.preprocess.to_tensor(view) for view in views.of(picture, example.image_id)]


def lanes(device: torch.device) -> int:
    """Batches in work at a time, which share the threads that torch has."""
    return min(torch.get_num_threads(), _LANES) if device.type == "cpu" else min(cores(), _READERS)


@contextmanager
def _workers(device: torch.device) -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """Threads that share the cores which torch may use; beside another device, one for each core up to a limit."""
    threads, workers = torch.get_num_threads(), lanes(device)
    torch.set_num_threads(max(1, threads // workers))  # which new threads start with
    try:
        with ThreadPoolExecutor(workers) as pool:
            try:
                yield pool, workers
            finally:
                pool.shutdown(cancel_futures=True)  # where nobody wants more batches
    finally:
        torch.set_num_threads(threads)


def refuse_lost(dataset: Dataset, rows: Container[int], why: Sequence[str]) -> None:
    """Refuse a split that is too small to train on, or to choose an epoch by, without the images that cannot be read.

    Raises:
        UnreadableImage: more than half of one cannot be.
    """
    for split, examples in (("validation", dataset.validation), ("training", dataset.train)):
        lost = sum(example.image_id not in rows for example in examples)
        if lost > _LOST * len(examples):
            example = why[0 if split == "validation" else -1]
            raise UnreadableImage(
                f"{lost} of {len(examples)} {split} images cannot be read, such as {example}: "
                "fetch or mend them, or leave them out of the captions file"
            )
