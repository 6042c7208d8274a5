"""Metrics of captions: each compares what was said of an image with what people said of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from registry import Registry


@dataclass(frozen=True)
class MetricScore:
    """One number for all captions together, and one for each, in the order they were given."""

    corpus: float
    per_image: Sequence[float]


class Metric(ABC):
    """What compares captions with references.

    `columns` names the numbers it gives; `signature` says what its name leaves open, for
    the line that tells how a score was made: "cider-d".
    """

    columns: tuple[str, ...]
    signature: str

    @abstractmethod
    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """Each column's score, of one tokenized caption per image and that image's tokenized references.

        Both have one entry per image, in the same order; a caption may be "". Raw, not x 100.
        """


METRICS: Registry[Metric] = Registry("metric", home=__name__, group="caption_zoo.metric")


def numbered(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References, then candidates, as pycocoevalcap takes them: in lists, keyed by the image."""
    return {key: list(said) for key, said in enumerate(references)}, {
        key: [said] for key, said in enumerate(candidates)
    }
