"""Captions of a split, and where the model looked for each word."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from benchmarks.batches import pad
from benchmarks.config import Decoding
from benchmarks.data import Described, Example
from benchmarks.images import ImageStore, see
from benchmarks.metrics.cider import Cider, Weights
from benchmarks.progress import bar
from zoo.captioner import Captioner
from zoo.generate import generate
from zoo.types import Features
from zoo.vocabulary import tokenise

_BATCH = 64


@torch.inference_mode()
def decode(
    captioner: Captioner, image_ids: Sequence[int], store: ImageStore, decoding: Decoding
) -> dict[int, list[str]]:
    """The words of each image's caption. Where words are drawn, it depends on the images of its batch."""
    said: dict[int, list[str]] = {}
    with bar(len(image_ids), "captioning", "img") as shown:
        for number, (batch, features) in enumerate(_features(captioner, image_ids, store)):
            captions = generate(captioner.decoder, features, **vars(decoding.of_batch(number))).tolist()
            said |= {
                image: captioner.vocabulary.decode(numbers) for image, numbers in zip(batch, captions, strict=True)
            }
            shown.update(len(batch))
    return said


@torch.inference_mode()
def look(captioner: Captioner, said: Mapping[int, Sequence[str]], store: ImageStore) -> dict[int, Described]:
    """Each caption with its maps: the weights that stood behind each of its words, on the grid."""
    described: dict[int, Described] = {}
    for batch, features in _features(captioner, list(said), store):
        tokens = pad([captioner.vocabulary.numbers(said[image]) for image in batch]).to(features.tokens.device)
        weights = captioner.read(features, tokens[:, None], weights=True).weights
        for row, image in enumerate(batch):
            words = tuple(said[image])
            maps = (
                None if weights is None or features.grid is None else _maps(weights[row, 0], len(words), features.grid)
            )
            described[image] = Described(" ".join(words), words, maps)
    return described


def validation_score(captioner: Captioner, examples: Sequence[Example], store: ImageStore, decoding: Decoding) -> float:
    """CIDEr-D of greedy captions, split into words by the vocabulary's own rules: quick, and without Java.

    It chooses between the epochs of one run and is compared with nothing else.
    """
    greedy = Decoding(beams=1, max_length=decoding.max_length)
    said = decode(captioner, [example.image_id for example in examples], store, greedy)
    candidates = [" ".join(said[example.image_id]) for example in examples]
    weights = _weights(tuple(example.captions for example in examples))
    return Cider().compare(candidates, weights)["CIDEr"].corpus


@lru_cache(maxsize=1)
def _weights(references: tuple[tuple[str, ...], ...]) -> Weights:
    """What was said of the validation images, weighed once for all epochs and all cells that a process runs."""
    return Cider().weigh([[" ".join(tokenise(caption)) for caption in said] for said in references])


def _features(
    captioner: Captioner, image_ids: Sequence[int], store: ImageStore
) -> Iterator[tuple[Sequence[int], Features]]:
    device = next(captioner.parameters()).device
    for start in range(0, len(image_ids), _BATCH):
        batch = image_ids[start : start + _BATCH]
        yield batch, see(captioner.backbone, store.batch(batch).to(device), store.grid)


def _maps(weights: Tensor, words: int, grid: tuple[int, int]) -> np.ndarray:
    """(words, h, w): the weights at token t stand behind word t, START behind the first."""
    return weights[:words].float().cpu().numpy().reshape(words, *grid)
