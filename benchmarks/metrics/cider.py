"""CIDEr-D, after Vedantam, Zitnick & Parikh, "CIDEr" (CVPR 2015), sections 3 and 7."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric
from benchmarks.metrics.ngrams import LONGEST, Ngram, ngrams

_SIGMA = 6.0


class Vector(NamedTuple):
    """A caption: the weights of its n-grams, their norm for each length of an n-gram, and how long it is."""

    weights: dict[Ngram, float]
    norms: list[float]
    length: int


class DocumentFrequencies:
    """In the references of how many images each n-gram is, and the vectors of captions that follow from it."""

    def __init__(self, counts: Iterable[Iterable[Mapping[Ngram, int]]]) -> None:
        import numpy as np

        images, images_with = 0, Counter[Ngram]()
        for image in counts:
            images += 1
            images_with.update(set().union(*image))
        # An n-gram of one image weighs as much as one of none, so it need not be kept: most of them are.
        self._images_with = {ngram: count for ngram, count in images_with.items() if count > 1}
        self._total = np.log(float(images))
        # Of the same few counts a million times; with numpy's logarithm and power, as pycocoevalcap.
        self._weight = lru_cache(maxsize=None)(self._tfidf)

    def vector(self, counts: Mapping[Ngram, int]) -> Vector:
        """The caption whose n-grams are counted."""
        weights, squares = {}, [0.0] * LONGEST
        for ngram, count in counts.items():
            weights[ngram], square = self._weight(count, self._images_with.get(ngram, 0))
            squares[len(ngram) - 1] += square
        # N-grams of two, and not of one: the penalty for another length has it so.
        length = sum(count for ngram, count in counts.items() if len(ngram) == 2)
        return Vector(weights, [math.sqrt(square) for square in squares], length)

    def _tfidf(self, count: int, images: int) -> tuple[float, float]:
        import numpy as np

        weight = float(count) * (self._total - np.log(max(1.0, float(images))))
        return float(weight), float(pow(weight, 2))


class ReferenceTfidf(DocumentFrequencies):
    """The references of a set of images as vectors, under the frequencies that they give."""

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        counts = [[ngrams(caption) for caption in image] for image in references]
        super().__init__(counts)
        self.images = [[self.vector(caption) for caption in image] for image in counts]


@METRICS.register("cider")
class Cider(PreparedMetric[ReferenceTfidf]):
    """CIDEr-D: similarity to the references in n-grams of one to four words, rare ones counting more.

    How rare a word is, the references decide: scores over different images, or over
    parts of a data set averaged, cannot be compared. A single image scores 0. The sums are
    taken in the order of pycocoevalcap, so that every digit is the same.
    """

    columns = ("CIDEr",)
    signature = "cider-d"

    def prepare_references(self, references: Sequence[Sequence[str]]) -> ReferenceTfidf:
        """The references as vectors, and the frequencies that they give."""
        return ReferenceTfidf(references)

    def compare(self, candidates: Sequence[str], prepared: ReferenceTfidf) -> dict[str, MetricScore]:
        """CIDEr, 0 to 10; for all images the mean of theirs."""
        import numpy as np

        pairs = zip(candidates, prepared.images, strict=True)
        per_image = [cider_d(prepared.vector(ngrams(candidate)), references) for candidate, references in pairs]
        return {"CIDEr": MetricScore(float(np.mean(per_image)), per_image)}


def cider_d(candidate: Vector, references: Sequence[Vector]) -> float:
    """CIDEr-D of one caption, 0 to 10."""
    total = 0.0
    for similarity in _similarity(candidate, references):
        total += similarity  # from Python 3.12 on its own `sum` compensates for rounding, and pycocoevalcap's does not
    return total / LONGEST / len(references) * 10.0


def _similarity(candidate: Vector, references: Sequence[Vector]) -> list[float]:
    """For each length of an n-gram, the sum over references of the clipped cosine, less where lengths differ."""
    sums = [0.0] * LONGEST
    for reference in references:
        penalty = _penalty(candidate.length - reference.length)
        for place, cosine in enumerate(_cosines(candidate, reference)):
            sums[place] += cosine * penalty
    return sums


def _cosines(candidate: Vector, reference: Vector) -> list[float]:
    products, others = [0.0] * LONGEST, reference.weights
    for ngram, weight in candidate.weights.items():
        if ngram in others:
            products[len(ngram) - 1] += min(weight, others[ngram]) * others[ngram]
    return [
        product / (norm * other) if norm and other else product
        for product, norm, other in zip(products, candidate.norms, reference.norms, strict=True)
    ]


@lru_cache(maxsize=1024)
def _penalty(difference: int) -> float:
    return math.e ** (-(float(difference) ** 2) / (2 * _SIGMA**2))
