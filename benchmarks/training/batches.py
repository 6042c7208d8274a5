"""Training batches: which images and captions come together, and how the captions are padded."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Training
from benchmarks.data import Example
from zoo.vocabulary import PAD, Vocabulary

TokenizedExample = tuple[int, list[list[int]]]  # an image id, and the token ids of each caption


def tokenize(vocabulary: Vocabulary, examples: Sequence[Example], settings: Training) -> list[TokenizedExample]:
    """Every example's captions as token ids."""
    return [
        (example.image_id, [vocabulary.encode(caption, max_length=settings.max_words) for caption in example.captions])
        for example in examples
    ]


def iter_batches(
    examples: Sequence[TokenizedExample], settings: Training, order: np.random.Generator, *, views: int
) -> Iterator[tuple[list[int], list[int], Tensor]]:
    """Images, their views and (B, K, T + 1) captions: every image once, each with K of its captions."""
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
            chosen = pad_sequence(captions, batch_first=True, padding_value=PAD)
            yield (
                [sampled[place][0] for place in batch],
                [view_of[place] for place in batch],
                chosen.view(len(batch), count, -1),
            )


def _cut(items: Sequence[int] | np.ndarray, size: int) -> list[Sequence[int] | np.ndarray]:
    return [items[start : start + size] for start in range(0, len(items), size)]
