"""ROUGE-L, after Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), section 3."""

from collections.abc import Sequence

from benchmarks.metrics import METRICS, Metric, MetricScore, numbered


@METRICS.register("rouge")
class Rouge(Metric):
    """Longest common subsequence of words, as an F-measure with beta = 1.2.

    Precision and recall are each the best over the references, as the COCO evaluation has it.
    """

    columns = ("ROUGE_L",)
    signature = "rouge-l"

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """ROUGE_L; for all images the mean of theirs."""
        from pycocoevalcap.rouge.rouge import Rouge as Comparer

        corpus, per_image = Comparer().compute_score(*numbered(candidates, references))
        return {"ROUGE_L": MetricScore(float(corpus), per_image.tolist())}
