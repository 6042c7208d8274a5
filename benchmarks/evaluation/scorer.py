"""From captions to scores: Bleu_1 to Bleu_4, METEOR, ROUGE_L and CIDEr, as the COCO evaluation counts them."""

import gc
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from benchmarks.metrics import Metric, MetricScore, PreparedMetric, build_metrics
from benchmarks.metrics.java.ptb_tokenizer import tokenize
from benchmarks.metrics.java.token_cache import cached_tokens
from registry import Spec

DEFAULT_METRICS = ("bleu", "meteor", "rouge", "cider")


@dataclass(frozen=True)
class Scores:
    """The scores of a set of captions; raw, not x 100.

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


ReferenceScorer: TypeAlias = Callable[[list[str]], dict[str, MetricScore]]


class Scorer:
    """Compares captions with `references`, image id -> reference captions.

    References are tokenized and prepared when first needed, once for all captions of the
    same images in the same order. Their tokens are cached below `cache`, where a folder is
    given, for the next process.

    Raises:
        ValueError: no such metric, or two that give the same column.
    """

    def __init__(
        self,
        references: Mapping[int, Sequence[str]],
        metrics: Sequence[str | Spec] = DEFAULT_METRICS,
        *,
        cache: Path | None = None,
    ) -> None:
        self._references, self._cache = references, cache
        self._metrics = build_metrics(metrics)
        self._programs = [metric.program for metric in self._metrics if metric.program]
        self._images: tuple[int, ...] = ()
        self._tokens: list[list[str]] = []

    def score(self, candidates: Mapping[int, str]) -> Scores:
        """The scores of `candidates`, image id -> caption, on just those images.

        Raises:
            ValueError: no captions, or an image without references; the message names it.
            JavaError: there is no Java, or it does not run.
        """
        self._check(candidates)
        self._prepare(tuple(candidates))
        with ThreadPoolExecutor(1) as beside, self._interruptible(beside):
            ready = [beside.submit(program.prepare, self._tokens, self._cache) for program in self._programs]
            captions = tokenize(candidates.values())
            for each in ready:
                each.result()
            compared = self._compare(captions, beside)
        values, per_image = {}, {}
        for column, score in compared.items():
            values[column] = score.corpus
            per_image[column] = dict(zip(candidates, score.per_image, strict=True))
        missing = sum(image not in candidates for image in self._references)
        return Scores(values, per_image, self.signature(candidates), missing, captions.count(""))

    def prepare(self) -> None:
        """Have the references of all images tokenized, and programs ready for them, with files in the cache."""
        self._prepare(tuple(self._references))
        for program in self._programs:
            program.prepare(self._tokens, self._cache)

    def close(self) -> None:
        """End the programs of metrics, and wait until they are gone; the next `score`, of any scorer, starts them."""
        for program in self._programs:
            program.close()

    def signature(self, images: Collection[int]) -> str:
        """How captions of `images` are scored: versions, variants, and the references by their hash and number."""
        used = {image: list(self._references[image]) for image in sorted(images)}
        digest = hashlib.sha256(json.dumps(used).encode()).hexdigest()
        counts = [len(references) for references in used.values()]
        fewest, most = min(counts), max(counts)
        package = f"pycocoevalcap:{version('pycocoevalcap')}"
        variants = [metric.signature for metric in self._metrics]
        refs = f"refs:{fewest}" if fewest == most else f"refs:{fewest}-{most}"
        return "|".join([package, "tok:ptb", *variants, f"idf:{digest[:8]}", f"images:{len(used)}", refs])

    def _check(self, candidates: Mapping[int, str]) -> None:
        if not candidates:
            raise ValueError("there are no captions to score")
        unknown = [image for image in candidates if not self._references.get(image)]
        if len(unknown) == len(candidates):
            raise ValueError(
                f"none of the captioned images ({_some(unknown)}) has references, which are of images "
                f"{_some(self._references)}: are captions and references of the same data set and split?"
            )
        if unknown:
            raise ValueError(f"no references for image {_some(unknown)}: add them, or leave its caption out")

    def _prepare(self, images: tuple[int, ...]) -> None:
        """Have the references of `images` tokenized; other images, or another order, are another set."""
        if images == self._images:
            return
        references = [reference for image in images for reference in self._references[image]]
        lines = iter(cached_tokens(references, tokenize, self._cache))
        self._tokens = [[next(lines) for _ in self._references[image]] for image in images]
        if not any(map(any, self._tokens)):
            raise ValueError("no reference of these images has a word")
        self._reference_scorers = [_reference_scorer(metric, self._tokens) for metric in self._metrics]
        self._images = images

    def _compare(self, captions: list[str], beside: Executor) -> dict[str, MetricScore]:
        """Every column's score. Programs answer to another thread, and Python works in the meantime."""
        scorers = list(zip(self._metrics, self._reference_scorers, strict=True))
        requested = [beside.submit(scorer, captions) for metric, scorer in scorers if metric.program]
        with _uncollected():
            others = iter([scorer(captions) for metric, scorer in scorers if not metric.program])
        answers = iter([answer.result() for answer in requested])
        each = [next(answers if metric.program else others) for metric in self._metrics]
        return {column: score for scores in each for column, score in scores.items()}

    @contextmanager
    def _interruptible(self, beside: Executor) -> Iterator[None]:
        """Who interrupts does not wait for programs to answer."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            beside.shutdown(wait=False, cancel_futures=True)
            for program in self._programs:
                program.kill()
            raise


@contextmanager
def _uncollected() -> Iterator[None]:
    """Metrics make millions of tuples and no cycle: Python's collector would look through them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _reference_scorer(metric: Metric, references: list[list[str]]) -> ReferenceScorer:
    """Compares captions with these references; what can be prepared of them is prepared once, when first needed."""
    if not isinstance(metric, PreparedMetric):
        return lambda captions: metric.score(captions, references)
    prepared = cache(lambda: metric.prepare_references(references))
    return lambda captions: metric.compare(captions, prepared())


def _some(images: Collection[int]) -> str:
    first = ", ".join(str(image) for image in list(images)[:3])
    return f"{first} and {len(images) - 3} more" if len(images) > 3 else first
