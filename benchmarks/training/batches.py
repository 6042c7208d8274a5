"""Training batches: which images and captions come together, and how the captions are padded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Training
from benchmarks.data import Example
from zoo.vocabulary import PAD, Vocabulary

TokenizedExample = tuple[int, list[list[int]]]  # an image id, and the token ids of each caption


@dataclass(frozen=True)
class Batch:
    """Images with K captions each.

    images: their ids.
    views: which of its stored views each image shows.
    captions: token ids, START first, padded.
    word_index: where in the B x K x T targets, laid out in a row, words are and no padding: known
        beforehand, so that the processor need not wait for a device.
    rows: what is stored of the images, once it was read.
    grid: that of the features, where rows are features.
    words: of the whole batch, of which this may be a part.
    progress: share of the training that is done, 0 to 1.
    """

    images: Sequence[int]
    views: Sequence[int]
    captions: Int[Tensor, "B K T1"]
    word_index: Int[Tensor, "words"]
    words: int
    rows: Tensor | None = None
    grid: tuple[int, int] | None = None
    progress: float = 0.0

    @classmethod
    def of(
        cls,
        images: Sequence[int],
        captions: Int[Tensor, "B K T1"],
        views: Sequence[int] = (),
        *,
        rows: Tensor | None = None,
        grid: tuple[int, int] | None = None,
    ) -> "Batch":
        """From captions that lie on the processor; without views, the first of each image."""
        index = (captions[..., 1:] != PAD).flatten().nonzero()[:, 0]
        return cls(images, views or [0] * len(images), captions, index, len(index), rows, grid)

    def __len__(self) -> int:
        return len(self.images)

    def part(self, start: int, stop: int) -> "Batch":
        """Some of the images, before any of it is moved to a device."""
        rows = None if self.rows is None else self.rows[start:stop]
        some = slice(start, stop)
        part = Batch.of(self.images[some], self.captions[some], self.views[some], rows=rows, grid=self.grid)
        return replace(part, words=self.words, progress=self.progress)

    def pinned(self) -> "Batch":
        """The same, and what of it lies on the processor in memory from which a GPU copies while that goes on."""
        return self._each(lambda tensor: tensor if tensor.device.type == "cuda" else tensor.pin_memory())

    def to(self, device: torch.device) -> "Batch":
        """The same on `device`; the processor does not wait for it."""
        ready = self.pinned() if device.type == "cuda" else self
        return ready._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        rows = None if self.rows is None else change(self.rows)
        return replace(self, captions=change(self.captions), word_index=change(self.word_index), rows=rows)


def tokenize(vocabulary: Vocabulary, examples: Sequence[Example], settings: Training) -> list[TokenizedExample]:
    """Every example's captions as token ids."""
    return [
        (example.image_id, [vocabulary.encode(caption, max_length=settings.max_words) for caption in example.captions])
        for example in examples
    ]


def iter_batches(
    examples: Sequence[TokenizedExample], settings: Training, order: np.random.Generator, *, views: int
) -> Iterator[Batch]:
    """Batches without their rows: every image once, each with K of its captions."""
    count = settings.captions_per_image
    for pool in _cut(order.permutation(len(examples)), settings.batch_size * settings.bucket_batches):
        sampled = [
            (image, [captions[place] for place in order.choice(len(captions), count, replace=len(captions) < count)])
            for image, captions in (examples[place] for place in pool)
        ]
        view_of = order.integers(views, size=len(sampled)).tolist()
        batches = _cut(range(len(sampled)), settings.batch_size)
        if settings.bucket_batches > 1:
            longest = [max(map(len, captions)) for _, captions in sampled]
            batches = _cut(np.argsort(longest, kind="stable"), settings.batch_size)
            batches = [batches[place] for place in order.permutation(len(batches))]
        for batch in batches:
            captions = [torch.tensor(caption) for place in batch for caption in sampled[place][1]]
            padded = pad_sequence(captions, batch_first=True, padding_value=PAD).view(len(batch), count, -1)
            yield Batch.of([sampled[place][0] for place in batch], padded, [view_of[place] for place in batch])


def _cut(items: Sequence[int] | np.ndarray, size: int) -> list[Sequence[int] | np.ndarray]:
    return [items[start : start + size] for start in range(0, len(items), size)]
