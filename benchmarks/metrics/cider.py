"""CIDEr-D, after Vedantam, Zitnick & Parikh, "CIDEr" (CVPR 2015), sections 3 and 7."""

from collections.abc import Sequence

from benchmarks.metrics import METRICS, Metric, MetricScore, numbered


@METRICS.register("cider")
class Cider(Metric):
    """CIDEr-D: likeness to the references in runs of one to four words, rare ones counting more.

    How rare a word is, the references given decide: scores over different images, or over
    parts of a data set averaged, cannot be compared. A single image scores 0.
    """

    columns = ("CIDEr",)
    signature = "cider-d"

    def score(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, MetricScore]:
        """CIDEr, 0 to 10; for all images the mean of theirs."""
        from pycocoevalcap.cider.cider import Cider as Comparer

        corpus, per_image = Comparer().compute_score(*numbered(candidates, references))
        return {"CIDEr": MetricScore(float(corpus), per_image.tolist())}
