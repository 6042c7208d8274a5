"""From captions to scores: Bleu_1 to Bleu_4, METEOR, ROUGE_L and CIDEr, as the COCO evaluation counts them."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.captions import read_references, read_results
from benchmarks.metrics import METRICS
from benchmarks.tokenizer import tokenize
from registry import Spec

__all__ = ["DEFAULT_METRICS", "Scorer", "Scores", "read_references", "read_results"]

DEFAULT_METRICS = ("bleu", "meteor", "rouge", "cider")


@dataclass(frozen=True)
class Scores:
    """What a set of captions is worth; raw, not x 100.

    values: column -> number for all captions together.
    per_image: column -> image id -> number.
    signature: how they were made; scores with different signatures should not be compared.
    missing: images with references but no caption. They are left out of everything,
        of CIDEr's document frequencies too.
    empty: captions without a word. They score 0, save for ROUGE_L where a reference has
        no word either.
    """

    values: dict[str, float]
    per_image: dict[str, dict[int, float]]
    signature: str
    missing: int
    empty: int


class Scorer:
    """Compares captions with `references`, image id -> what people said of it.

    References are tokenized when first needed, and kept for the next set of captions.

    Raises:
        ValueError: no such metric, or two that give the same column.
    """

    def __init__(
        self, references: Mapping[int, Sequence[str]], metrics: Sequence[str | Spec] = DEFAULT_METRICS
    ) -> None:
        self._references = references
        self._metrics = [METRICS.build(spec) for spec in metrics]
        self._tokens: dict[int, list[str]] = {}
        columns = [column for metric in self._metrics for column in metric.columns]
        if twice := sorted({column for column in columns if columns.count(column) > 1}):
            raise ValueError(f"metrics {', '.join(map(str, metrics))} give {twice[0]} twice: leave one of them out")

    def score(self, candidates: Mapping[int, str]) -> Scores:
        """The scores of `candidates`, image id -> caption, on just those images.

        Raises:
            ValueError: no captions, or an image without references; the message names it.
            JavaError: there is no Java, or it does not run.
        """
        self._check(candidates)
        captions, references = tokenize(candidates.values()), self._tokenized(candidates)
        values, per_image = {}, {}
        for metric in self._metrics:
            for column, score in metric.score(captions, references).items():
                values[column] = score.corpus
                per_image[column] = dict(zip(candidates, score.per_image, strict=True))
        missing = sum(image not in candidates for image in self._references)
        return Scores(values, per_image, self.signature(candidates), missing, captions.count(""))

    def signature(self, images: Collection[int]) -> str:
        """How captions of `images` are scored: versions, variants, and the references by their hash and number."""
        used = {image: list(self._references[image]) for image in sorted(images)}
        digest = hashlib.sha256(json.dumps(used).encode()).hexdigest()
        counts = [len(said) for said in used.values()]
        fewest, most = min(counts), max(counts)
        package = f"pycocoevalcap:{version('pycocoevalcap')}"
        variants = [metric.signature for metric in self._metrics]
        refs = f"refs:{fewest}" if fewest == most else f"refs:{fewest}-{most}"
        return "|".join([package, "tok:ptb", *variants, f"idf:{digest[:8]}", f"images:{len(used)}", refs])

    def _check(self, candidates: Mapping[int, str]) -> None:
        if not candidates:
            raise ValueError("there are no captions to score")
        strangers = [image for image in candidates if not self._references.get(image)]
        if len(strangers) == len(candidates):
            raise ValueError(
                f"none of the captioned images ({_some(strangers)}) has references, which are of images "
                f"{_some(self._references)}: are captions and references of the same data set and split?"
            )
        if strangers:
            raise ValueError(f"no references for image {_some(strangers)}: add them, or leave its caption out")

    def _tokenized(self, images: Collection[int]) -> list[list[str]]:
        new = [image for image in images if image not in self._tokens]
        lines = iter(tokenize(caption for image in new for caption in self._references[image]))
        self._tokens |= {image: [next(lines) for _ in self._references[image]] for image in new}
        tokens = [self._tokens[image] for image in images]
        if not any(map(any, tokens)):
            raise ValueError("no reference of these images has a word")
        return tokens


def _some(images: Collection[int]) -> str:
    shown = ", ".join(str(image) for image in list(images)[:3])
    return f"{shown} and {len(images) - 3} more" if len(images) > 3 else shown
