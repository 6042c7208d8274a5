"""BLEU, after Papineni, Roukos, Ward & Zhu, "BLEU" (ACL 2002), sections 2.1 to 2.3."""

from collections.abc import Sequence

from benchmarks.metrics import METRICS, Metric, MetricScore, numbered


@METRICS.register("bleu")
class Bleu(Metric):
    """Shared runs of one to four words, with a penalty for brevity.

    The number for all images pools their counts: it is no mean of the images' own. Brevity
    is judged against the reference nearest in length. Counted by pycocoevalcap, whose
    source says "not for commercial use".
    """

    columns = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4")
    signature = "bleu-closest"

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """Bleu_1 to Bleu_4, the longest run counted being one word, two, three and four."""
        from pycocoevalcap.bleu.bleu import Bleu as Counter

        corpus, per_image = Counter(len(self.columns)).compute_score(*numbered(candidates, references), verbose=0)
        return {name: MetricScore(one, each) for name, one, each in zip(self.columns, corpus, per_image, strict=True)}
