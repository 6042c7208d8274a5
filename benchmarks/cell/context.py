"""What a cell needs that others may share."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.data import DATASETS, Dataset
from benchmarks.evaluation.scorer import Scorer
from benchmarks.evaluation.validation import Validation
from benchmarks.features.cache import FeatureCache
from benchmarks.metrics.java import process
from benchmarks.runtime.closing import Closing
from benchmarks.runtime.device import allow_tf32, device
from benchmarks.runtime.latest import Latest
from benchmarks.runtime.resources import Resources
from benchmarks.throughput.measure import Measurement
from registry import Spec
from zoo.vocabulary import Vocabulary


class Context(Closing):
    """What costs time to make and is the same for many cells: made, passed on, and closed by whoever runs them.

    A cell's outcome does not depend on it: each thing is named by all that it is made of.

    Attributes:
        cache: folder of features, tokenized references and paraphrases.
        device: where models run.
        features: the feature cache, with the store that was opened last.
        encoder_timings: how fast each frozen backbone encodes, by its name.
        output: an open file that has whatever parts print, where there is one.
        resources: what a cell may use.
        loggers: what takes the metrics of a cell while it trains.
    """

    def __init__(
        self,
        cache: Path,
        encoder_timings: dict[str, Measurement] | None = None,
        *,
        output: int | None = None,
        resources: Resources | None = None,
        loggers: Sequence[Spec] = (),
    ) -> None:
        self.resources, self.loggers = resources or Resources(), tuple(loggers)
        allow_tf32(False)  # features serve all cells; training may allow it for itself
        self.cache, self.device, self.output = cache, device(), output
        self.features = FeatureCache(cache, self.device)
        self.encoder_timings = dict(encoder_timings or {})
        self._dataset: Latest[Spec, Dataset] = Latest()
        self._vocabulary: Latest[tuple[Spec, int], Vocabulary] = Latest()
        self._validation: Latest[Spec, Validation] = Latest()
        self._scorer: Latest[tuple[Spec, tuple[Spec, ...]], Scorer] = Latest(Scorer.close)
        self._java: str | None = None

    def close(self) -> None:
        """End the programs that metrics started."""
        self._scorer.drop()

    def dataset(self, spec: Spec) -> Dataset:
        """The data set, read once.

        Raises:
            ValueError: it cannot be read; the message says why.
        """
        return self._dataset.get(spec, lambda: DATASETS.build(spec))

    def vocabulary(self, dataset: Spec, min_count: int) -> Vocabulary:
        """The words of the training captions that occur `min_count` times."""

        def count() -> Vocabulary:
            captions = (caption for example in self.dataset(dataset).train for caption in example.captions)
            return Vocabulary.of(captions, min_count=min_count)

        return self._vocabulary.get((dataset, min_count), count)

    def validation(self, dataset: Spec) -> Validation:
        """What rates a model on the validation images, with their references prepared."""
        return self._validation.get(dataset, lambda: Validation(self.dataset(dataset).validation))

    def scorer(self, dataset: Spec, metrics: tuple[Spec, ...]) -> Scorer:
        """The metrics over the references of the test split."""

        def make() -> Scorer:
            references = {example.image_id: example.captions for example in self.dataset(dataset).test}
            return Scorer(references, metrics, cache=self.cache)

        return self._scorer.get((dataset, metrics), make)

    @property
    def java(self) -> str | None:
        """The version of the Java that scores; None where it went missing since the run began."""
        if self._java is None:
            try:
                self._java = process.version()
            except process.JavaError:
                return None
        return self._java
