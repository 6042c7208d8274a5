"""How good a model is between epochs."""

from collections.abc import Sequence

from benchmarks.config import Decoding
from benchmarks.data import Example
from benchmarks.evaluation.decode import decode
from benchmarks.features.store import ImageStore
from benchmarks.metrics.cider import Cider, ReferenceTfidf
from zoo.captioner import Captioner
from zoo.vocabulary import tokenize


class Validation:
    """CIDEr-D of greedy captions, split into words by the vocabulary's own rules: quick, and without Java.

    It chooses between the epochs of one run and is compared with nothing else. References are
    prepared when first needed, once for all epochs of all cells.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples
        self._cider = Cider()
        self._prepared: tuple[list[Example], ReferenceTfidf] | None = None

    def score(self, captioner: Captioner, store: ImageStore, decoding: Decoding) -> float:
        """The CIDEr-D of `captioner` over the validation images that `store` has."""
        held_out = [example for example in self.examples if example.image_id in store.rows]
        greedy = Decoding(num_beams=1, max_length=decoding.max_length)
        hypotheses = decode(captioner, [example.image_id for example in held_out], [store], greedy)
        candidates = [" ".join(hypotheses[example.image_id]) for example in held_out]
        return self._cider.compare(candidates, self._references(held_out))["CIDEr"].corpus

    def _references(self, examples: list[Example]) -> ReferenceTfidf:
        if self._prepared is None or self._prepared[0] != examples:
            references = [[" ".join(tokenize(caption)) for caption in example.captions] for example in examples]
            self._prepared = examples, self._cider.prepare_references(references)
        return self._prepared[1]
