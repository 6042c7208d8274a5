"""Captions of a split, and the attention maps of their words."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Decoding
from benchmarks.data import Prediction
from benchmarks.features.cache import compute_features
from benchmarks.features.store import ImageStore
from benchmarks.runtime.progress import bar
from zoo.caption_model import CaptionModel
from zoo.generate import generate
from zoo.types import Features
from zoo.vocabulary import PAD

BATCH = 64


@torch.inference_mode()
def decode(
    model: CaptionModel, image_ids: Sequence[int], stores: Sequence[ImageStore], decoding: Decoding
) -> dict[int, list[str]]:
    """The words of each image's caption. Where words are sampled, it depends on the images of its batch.

    `stores` has one for each backbone of the model.
    """
    hypotheses: dict[int, list[str]] = {}
    with bar(len(image_ids), "captioning", "img") as progress:
        for number, (batch, features) in enumerate(_features(model, image_ids, stores)):
            captions = generate(model.decoder, features, **vars(decoding.of_batch(number))).tolist()
            words = map(model.vocabulary.decode, captions)
            hypotheses |= dict(zip(batch, words, strict=True))
            progress.update(len(batch))
    return hypotheses


@torch.inference_mode()
def attention_maps(
    model: CaptionModel, hypotheses: Mapping[int, Sequence[str]], stores: Sequence[ImageStore]
) -> dict[int, Prediction]:
    """Each caption with its maps: the weights that stood behind each of its words, on the grid."""
    predictions: dict[int, Prediction] = {}
    for batch, features in _features(model, list(hypotheses), stores):
        token_ids = [torch.tensor(model.vocabulary.token_ids(hypotheses[image])) for image in batch]
        tokens = pad_sequence(token_ids, batch_first=True, padding_value=PAD).to(features.tokens.device)
        weights = model.teacher_force(features, tokens[:, None], need_weights=True).weights
        for row, image in enumerate(batch):
            words = tuple(hypotheses[image])
            maps = (
                None if weights is None or features.grid is None else _maps(weights[row, 0], len(words), features.grid)
            )
            predictions[image] = Prediction(" ".join(words), words, maps)
    return predictions


def _features(
    model: CaptionModel, image_ids: Sequence[int], stores: Sequence[ImageStore]
) -> Iterator[tuple[Sequence[int], Features]]:
    device, seen = next(model.parameters()).device, list(zip(model.backbones, stores, strict=True))
    for start in range(0, len(image_ids), BATCH):
        batch = image_ids[start : start + BATCH]
        each = [compute_features(backbone, store.batch(batch).to(device), store.grid) for backbone, store in seen]
        yield batch, Features.joint(each)


def _maps(weights: Tensor, words: int, grid: tuple[int, int]) -> np.ndarray:
    """(words, h, w): the weights at token t stand behind word t, START behind the first."""
    return weights[:words].float().cpu().numpy().reshape(words, *grid)
