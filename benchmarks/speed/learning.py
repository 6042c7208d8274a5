"""A cache and an epoch of training over it, by the project's own functions."""

from pathlib import Path

import torch

from benchmarks.config import Training
from benchmarks.data import Dataset
from benchmarks.features.cache import FeatureCache
from benchmarks.features.store import ImageStore
from benchmarks.training.trainer import Trainer
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.vocabulary import Vocabulary


def stored(dataset: Dataset, cache: Path, backbone: str, attention: str, decoder: str) -> tuple[Captioner, ImageStore]:
    """An untrained captioner with the words of `dataset`, and the features of all its images below `cache`."""
    torch.manual_seed(0)
    words = Vocabulary.of((caption for example in dataset.train for caption in example.captions), min_count=1)
    captioner = Captioner.build(Parts.parse(backbone, attention, decoder), words).eval()
    device = torch.device("cpu")
    store = FeatureCache(cache, device).store(dataset, captioner.backbone, named=backbone, hflip=False)
    return captioner, store


def epoch(captioner: Captioner, dataset: Dataset, store: ImageStore, *, batch: int, captions: int) -> None:
    """Learn from every training image once, without validation."""
    settings = Training(epochs=1, batch_size=batch, captions_per_image=captions, warmup_steps=0)
    Trainer(captioner, dataset.train, store, settings, seed=0, validate_fn=lambda _: 0.0).run()
