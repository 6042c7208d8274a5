"""Metrics of captions: each compares captions of images with reference captions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, final

from registry import Registry, Spec

Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class MetricScore:
    """One number for all captions together, and one for each, in the order they were given."""

    corpus: float
    per_image: Sequence[float]


class Program(Protocol):
    """Something beside Python that takes long to start."""

    def prepare(self, references: Sequence[Sequence[str]], cache: Path | None) -> None:
        """Have it load what it needs for these tokenized references, with files below `cache` that spare work.

        Where it runs with all of that, there is nothing to do.
        """

    def close(self) -> None:
        """End it, once it has answered; what needs it next starts it again."""

    def kill(self) -> None:
        """End it at once, also while it works: whoever waits for its answer gets an error."""


class Metric(ABC):
    """What compares captions with references.

    `columns` names the numbers it gives; `signature` says what its name leaves open, for
    the line that tells how a score was made: "cider-d". `program` is what computes it, where
    that is not Python: it works while other metrics are computed.
    """

    columns: tuple[str, ...]
    signature: str
    program: Program | None = None

    @abstractmethod
    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """Each column's score, of one tokenized caption per image and that image's tokenized references.

        Both have one entry per image, in the same order; a caption may be "". Raw, not x 100.
        """


class PreparedMetric(Metric, Generic[Prepared]):
    """A metric with work that needs the references alone: done once for a data set, used for every model's captions."""

    @abstractmethod
    def prepare_references(self, references: Sequence[Sequence[str]]) -> Prepared:
        """What `compare` needs of these references. Whoever holds it changes nothing in it."""

    @abstractmethod
    def compare(self, candidates: Sequence[str], prepared: Prepared) -> dict[str, MetricScore]:
        """As `score`, of one caption for each image whose references were prepared, in that order."""

    @final
    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """Each column's score, with references that are prepared for it."""
        return self.compare(candidates, self.prepare_references(references))


METRICS: Registry[Metric] = Registry(
    "metric", home=__name__, name="METRICS", interface="Metric", group="caption_zoo.metric"
)


def build_metrics(specs: Sequence[str | Spec]) -> list[Metric]:
    """A metric for each Spec.

    Raises:
        ValueError: no such metric, or two that give the same column.
    """
    metrics = [METRICS.build(spec) for spec in specs]
    columns = [column for metric in metrics for column in metric.columns]
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise ValueError(f"metrics {', '.join(map(str, specs))} give {twice[0]} twice: leave one of them out")
    return metrics
