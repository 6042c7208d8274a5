"""An experiment as data: what is trained, how, and how it is scored."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, get_args

from registry import Spec
from zoo.decoding import Decoding as Decoding  # so that a config's settings are all had from here
from zoo.settings import OMIT_DEFAULT

TrainingPrecision = Literal["float32", "tf32", "bfloat16"]

_SEEDS = 2**53  # what JSON's readers hold exactly; torch takes no more than a thousand times that
_CELLS = 100_000


@dataclass(frozen=True)
class Matrix:
    """Every combination of these is one cell, run once per seed. From Python a Spec may be its text, and stand alone.

    Args:
        backbone: Specs of backbones.
        attention: Specs of attentions.
        decoder: Specs of decoders.
        seeds: each decides the first weights and the order of the images.
    """

    backbone: tuple[Spec, ...]
    attention: tuple[Spec, ...]
    decoder: tuple[Spec, ...] = (Spec("lstm"),)
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for axis in ("backbone", "attention", "decoder"):
            object.__setattr__(self, axis, _specs(getattr(self, axis)))
        object.__setattr__(self, "seeds", tuple(self.seeds))
        if wrong := [seed for seed in self.seeds if not 0 <= seed < _SEEDS]:
            raise ValueError(f"seeds lie between 0 and {_SEEDS - 1}, and one of them is {str(wrong[0])[:40]}")
        cells = len(self.backbone) * len(self.attention) * len(self.decoder) * len(self.seeds)
        if cells > _CELLS:
            raise ValueError(f"the matrix has {cells:,} cells, more than {_CELLS:,}: divide it among several configs")

    def __iter__(self) -> Iterator[tuple[Spec, Spec, Spec, int]]:
        """Backbone by backbone, so that each one's features are in use together."""
        return iter(dict.fromkeys(product(self.backbone, self.attention, self.decoder, self.seeds)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class Training:
    """How every cell is trained, alike.

    Args:
        epochs: times that every training image is seen; the best one on the validation images is kept.
        decay_epochs: the learning rate falls in a line to 0 over so many, whether or not they are all run; 0 keeps it.
        batch_size: images per step.
        captions_per_image: captions of each image per step.
        learning_rate: of AdamW, at its highest.
        backbone_learning_rate: the same for a trainable backbone.
        warmup_steps: steps in which the learning rate rises in a line.
        weight_decay: of AdamW.
        max_grad_norm: longest gradient, as a Euclidean norm; 0 does not clip.
        label_smoothing: share of each target that is spread over all words.
        ema_decay: decay per step of the moving average of the weights, which is what is kept; 0 keeps the weights.
        hflip: whether half of the images are mirrored, where the data set allows it.
        min_count: a word is known when the training captions use it so often.
        max_words: captions are cut after so many words.
        precision: "bfloat16" computes in it where that is safe, and keeps float32 weights; "tf32" has GPUs take
            products of float32 in TF32.
        bucket_batches: within so many batches, images whose captions are about as long are put together, which saves
            padding; 1 leaves them as they were drawn.
        compile: whether torch compiles what the decoder repeats; it takes a C++ compiler, and a minute at first.
        objective: Spec of what is minimised.
        max_skipped_steps: a step whose loss or gradient is no finite number is skipped; after more than so many in a
            row the cell ends.
        layer_decay: factor by which each layer of a trainable backbone learns slower than the next one (layer-wise
            learning-rate decay); its last layer has `backbone_learning_rate`.
        crop_scale: least share of an image's area that a random crop of it keeps; 1 does not crop. For a backbone
            that is trained altogether, as `color_jitter` is, unless there are `cached_crops`.
        color_jitter: share by which brightness, contrast and saturation of an image change at most; 0 leaves them.
        cached_crops: random crops of each training image whose features are stored beside those of the whole
            picture, for a backbone whose first layers, or all, are frozen; each step takes one of these views.
    """

    epochs: int = 8
    decay_epochs: int = 16
    batch_size: int = 16
    captions_per_image: int = 5
    learning_rate: float = 3e-3
    backbone_learning_rate: float = 1e-4
    warmup_steps: int = 200
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.1
    ema_decay: float = 0.998
    hflip: bool = True
    min_count: int = 5
    max_words: int = 16
    precision: TrainingPrecision = "float32"
    bucket_batches: int = field(default=1, metadata=OMIT_DEFAULT)
    compile: bool = field(default=False, metadata=OMIT_DEFAULT)
    objective: Spec = field(default_factory=lambda: Spec("cross_entropy"), metadata=OMIT_DEFAULT)
    max_skipped_steps: int = field(default=10, metadata=OMIT_DEFAULT)
    layer_decay: float = field(default=1.0, metadata=OMIT_DEFAULT)
    crop_scale: float = field(default=1.0, metadata=OMIT_DEFAULT)
    color_jitter: float = field(default=0.0, metadata=OMIT_DEFAULT)
    cached_crops: int = field(default=0, metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        _positive(self, "epochs", "batch_size", "captions_per_image", "min_count", "max_words", "bucket_batches")
        for name, value in vars(self).items():
            if isinstance(value, float | int) and not 0 <= value < math.inf:
                raise ValueError(f"{name}={value} should be a number, and not negative")
        object.__setattr__(self, "objective", Spec.parse(self.objective))  # from Python also a text
        if self.precision not in get_args(TrainingPrecision):
            raise ValueError(f"precision={self.precision!r} should be one of {', '.join(get_args(TrainingPrecision))}")
        if self.decay_epochs and self.decay_epochs < self.epochs:
            raise ValueError(f"decay_epochs={self.decay_epochs} ends before epochs={self.epochs}: make it longer, or 0")
        if not 0 <= self.ema_decay < 1 or not 0 <= self.label_smoothing < 1:
            raise ValueError("ema_decay and label_smoothing lie between 0 and 1")
        if not 0 < self.layer_decay <= 1 or not 0 < self.crop_scale <= 1:
            raise ValueError("layer_decay and crop_scale lie above 0, and 1 is the most")
        if self.cached_crops and self.crop_scale == 1:
            raise ValueError(f"cached_crops={self.cached_crops} are crops of the whole image: set crop_scale below 1")
        if self.color_jitter >= 1:
            raise ValueError(f"color_jitter={self.color_jitter} should be less than 1: at 1 an image may turn black")


@dataclass(frozen=True)
class Experiment:
    """One question: a matrix of models, on one data set, under one protocol.

    Args:
        dataset: Spec of the data set.
        matrix: which models.
        name: what the experiment is called in its records.
        metrics: Specs of the metrics.
        training: how every model is trained.
        decoding: how every model writes its captions.
        start_from: folder of finished runs, from whose weights training starts: of the run with the same parts, seed
            and data, in which a backbone that learns may have been frozen; or one run, for all seeds.
        ensemble: whether the trained models of each combination with several seeds also decode together, as a run of
            its own: each next word has the mean of their probabilities.
    """

    dataset: Spec
    matrix: Matrix
    name: str = "experiment"
    metrics: tuple[Spec, ...] = (Spec("bleu"), Spec("meteor"), Spec("rouge"), Spec("cider"))
    training: Training = field(default_factory=Training)
    decoding: Decoding = field(default_factory=Decoding)
    start_from: str = ""
    ensemble: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset", Spec.parse(self.dataset))
        object.__setattr__(self, "metrics", _specs(self.metrics))
        if not self.metrics:
            raise ValueError("metrics is empty: captions have to be scored by something")


def _specs(given: str | Spec | Iterable[str | Spec]) -> tuple[Spec, ...]:
    """One or several, which from Python may be texts."""
    return tuple(map(Spec.parse, [given] if isinstance(given, str | Spec) else given))


def _positive(settings: Any, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name}={getattr(settings, name)} should be at least 1")
