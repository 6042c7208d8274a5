"""METEOR 1.5, after Denkowski & Lavie, "Meteor Universal" (WMT 2014), sections 2 and 3."""

from collections.abc import Sequence
from functools import cache

from benchmarks import java
from benchmarks.metrics import METRICS, Metric, MetricScore
from benchmarks.tokenizer import sanitize


@cache
def engine() -> java.LineProcess:
    """The one METEOR of this Python: its tables take seconds to load, more than 5,000 captions to score."""
    return java.LineProcess("-jar", java.jar("meteor/meteor-1.5.jar"), "-", "-", "-stdio", "-l", "en", "-norm")


@METRICS.register("meteor")
class Meteor(Metric):
    """Words aligned by form, stem, synonym or paraphrase, with a penalty for broken order.

    An image's number is that of its best reference; the number for all images pools their
    counts. Computed by the authors' own program, in Java.
    """

    columns = ("METEOR",)
    signature = "meteor-1.5"

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """METEOR.

        Raises:
            JavaError: there is no Java, or METEOR ended or fell silent.
        """
        pairs = zip(candidates, references, strict=True)
        counts = engine().ask(
            [_line("SCORE", *map(_plain, (*said, caption))) for caption, said in pairs], len(candidates)
        )
        *per_image, corpus = map(float, engine().ask([_line("EVAL", *counts)], len(counts) + 1))
        return {"METEOR": MetricScore(corpus, per_image)}


def _line(*fields: str) -> str:
    return " ||| ".join(fields)


def _plain(caption: str) -> str:
    """`caption` without what would end a field or a line."""
    return sanitize(caption).replace("|||", "")
