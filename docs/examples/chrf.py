"""Runs of characters instead of words (Popovic, 2015, "chrF", https://aclanthology.org/W15-3049)."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.metrics import METRICS, Metric, MetricScore

Counts = list[tuple[int, int, int]]  # for each length: runs shared, of the caption, of the reference


@METRICS.register("chrf")
class ChrF(Metric):
    """chrF2: shared runs of one to six characters, recall counting twice; "dogs" is nearly "dog".

    An image counts with its best reference. The number for all images pools their counts.

    Options:
        order: the longest run that is counted.
    """

    columns = ("chrF",)

    def __init__(self, *, order: int = 6) -> None:
        if order < 1:
            raise ValueError(f"chrf(order={order}) counts nothing: at least 1")
        self.order = order
        self.signature = f"chrf2-{order}"

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """chrF, 0 to 1."""
        each = [
            max((self._counts(candidate, one) for one in own), key=_f2)
            for candidate, own in zip(candidates, references, strict=True)
        ]
        pooled = [tuple(map(sum, zip(*same, strict=True))) for same in zip(*each, strict=True)]
        return {"chrF": MetricScore(_f2(pooled), [_f2(counts) for counts in each])}

    def _counts(self, candidate: str, reference: str) -> Counts:
        pairs = [(_runs(candidate, length), _runs(reference, length)) for length in range(1, self.order + 1)]
        return [((one & other).total(), one.total(), other.total()) for one, other in pairs]


def _runs(text: str, length: int) -> Counter[str]:
    text = text.replace(" ", "")
    return Counter(text[start : start + length] for start in range(len(text) - length + 1))


def _f2(counts: Counts) -> float:
    """F with recall twice as important as precision, each the mean over the lengths that both have."""
    usable = [(shared / ours, shared / theirs) for shared, ours, theirs in counts if ours and theirs]
    if not usable:
        return 0.0
    precision, recall = (sum(values) / len(usable) for values in zip(*usable, strict=True))
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
