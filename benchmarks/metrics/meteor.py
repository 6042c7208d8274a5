"""METEOR 1.5, after Denkowski & Lavie, "Meteor Universal" (WMT 2014), sections 2 and 3."""

from collections.abc import Sequence
from functools import cache

from benchmarks import java
from benchmarks.metrics import METRICS, MetricScore, WeighingMetric
from benchmarks.tokenizer import sanitize


@cache
def engine() -> java.LineProcess:
    """The one METEOR of this Python: its tables take seconds to load, more than 5,000 captions to score."""
    return java.LineProcess("-jar", java.jar("meteor/meteor-1.5.jar"), "-", "-", "-stdio", "-l", "en", "-norm")


@METRICS.register("meteor")
class Meteor(WeighingMetric[list[str]]):
    """Words aligned by form, stem, synonym or paraphrase, with a penalty for broken order.

    An image's number is that of its best reference; the number for all images pools their
    counts. Computed by the authors' own program, in Java.
    """

    columns = ("METEOR",)
    signature = "meteor-1.5"

    def __init__(self) -> None:
        self.program = engine()

    def weigh(self, references: Sequence[Sequence[str]]) -> list[str]:
        """The references as METEOR reads them."""
        return [_line("SCORE", *map(_plain, said)) for said in references]

    def compare(self, candidates: Sequence[str], weighed: list[str]) -> dict[str, MetricScore]:
        """METEOR.

        Raises:
            JavaError: there is no Java, or METEOR ended or fell silent.
        """
        lines = [_line(said, _plain(caption)) for caption, said in zip(candidates, weighed, strict=True)]
        counts = engine().ask(lines, len(lines))
        *per_image, corpus = map(float, engine().ask([_line("EVAL", *counts)], len(counts) + 1))
        return {"METEOR": MetricScore(corpus, per_image)}


def _line(*fields: str) -> str:
    return " ||| ".join(fields)


def _plain(caption: str) -> str:
    """`caption` without what would end a field or a line."""
    return sanitize(caption).replace("|||", "")
