"""BLEU, after Papineni, Roukos, Ward & Zhu, "BLEU" (ACL 2002), sections 2.1 to 2.3."""

from collections.abc import Sequence
from typing import TypeAlias

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric
from benchmarks.metrics.ngrams import Ngram, ngrams

Counts: TypeAlias = tuple[list[int], dict[Ngram, int]]  # lengths of an image's references, n-grams in them


@METRICS.register("bleu")
class Bleu(PreparedMetric[list[Counts]]):
    """Shared n-grams of one to four words, with a penalty for brevity.

    The number for all images pools their counts: it is no mean of the images' own. Brevity
    is measured against the reference nearest in length. All but the references is counted by
    pycocoevalcap, whose source says "not for commercial use".
    """

    columns = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4")
    signature = "bleu-closest"

    def prepare_references(self, references: Sequence[Sequence[str]]) -> list[Counts]:
        """How often each n-gram is in the reference that has it most, for each image."""
        return [([len(each.split()) for each in image], _most_of_each(image)) for image in references]

    def compare(self, candidates: Sequence[str], prepared: list[Counts]) -> dict[str, MetricScore]:
        """Bleu_1 to Bleu_4, the longest n-gram counted being one word, two, three and four."""
        from pycocoevalcap.bleu.bleu_scorer import BleuScorer, cook_test

        counter = BleuScorer(n=len(self.columns))
        counter.crefs = prepared
        counter.ctest = [cook_test(candidate, counts) for candidate, counts in zip(candidates, prepared, strict=True)]
        corpus, per_image = counter.compute_score(option="closest", verbose=0)
        return {name: MetricScore(one, each) for name, one, each in zip(self.columns, corpus, per_image, strict=True)}


def _most_of_each(references: Sequence[str]) -> dict[Ngram, int]:
    most: dict[Ngram, int] = {}
    for reference in references:
        for ngram, count in ngrams(reference).items():
            if count > most.get(ngram, 0):
                most[ngram] = count
    return most
