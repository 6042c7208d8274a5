"""ROUGE-L, after Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), section 3."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric

_BETA = 1.2


class Places(NamedTuple):
    """A reference: how many words it has, and at which places each stands, as the bits of a number."""

    length: int
    of: dict[str, int]


@METRICS.register("rouge")
class Rouge(PreparedMetric[list[list[Places]]]):
    """Longest common subsequence of words, as an F-measure with beta = 1.2.

    Precision and recall are each the best over the references, as the COCO evaluation has it.
    """

    columns = ("ROUGE_L",)
    signature = "rouge-l"

    def prepare_references(self, references: Sequence[Sequence[str]]) -> list[list[Places]]:
        """The places of the words of each image's references."""
        return [[_places(reference.split(" ")) for reference in image] for image in references]

    def compare(self, candidates: Sequence[str], prepared: list[list[Places]]) -> dict[str, MetricScore]:
        """ROUGE_L; for all images the mean of theirs."""
        import numpy as np

        per_image = [_f(candidate.split(" "), places) for candidate, places in zip(candidates, prepared, strict=True)]
        return {"ROUGE_L": MetricScore(float(np.mean(np.array(per_image))), per_image)}


def _places(words: list[str]) -> Places:
    of: dict[str, int] = {}
    for place, word in enumerate(words):
        of[word] = of.get(word, 0) | 1 << place
    return Places(len(words), of)


def _f(candidate: list[str], references: list[Places]) -> float:
    shared = [_common(candidate, reference) for reference in references]
    precision = max(shared) / len(candidate)
    recall = max(common / reference.length for common, reference in zip(shared, references, strict=True))
    if not precision or not recall:
        return 0.0
    return ((1 + _BETA**2) * precision * recall) / (recall + _BETA**2 * precision)


def _common(candidate: list[str], reference: Places) -> int:
    """Length of the longest common subsequence, a row of its table at a time (Hyyrö, 2004).

    The bits of `row` are the reference's places; those that are 0 are where the length
    grows by one. A sum carries each step to where it goes on.
    """
    places, whole = reference.of, (1 << reference.length) - 1
    row = whole
    for word in candidate:
        if here := row & places.get(word, 0):
            row = (row + here | row - here) & whole
    return reference.length - row.bit_count()
