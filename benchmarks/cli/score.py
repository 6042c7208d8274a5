"""Score captions in COCO's results form: Bleu_1 to Bleu_4, METEOR, ROUGE_L and CIDEr, as COCO's own evaluation does."""

import json
import sys

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.paths import optional_cache_folder


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Results and references."""
    parser.add_argument("results", metavar="RESULTS.json", help="a list of {image_id, caption}")
    parser.add_argument(
        "--references", required=True, metavar="CAPTIONS", help="COCO's or Karpathy's file, or a folder's CSV or JSON"
    )
    parser.add_argument("--json", action="store_true", help="one flat object of scores instead of a table")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the scores, raw and not x 100."""
    from benchmarks.data.formats.coco_json import read_results
    from benchmarks.data.formats.references import read_references
    from benchmarks.evaluation.scorer import Scorer

    references = read_references(options.references)
    scorer = Scorer(references.captions, cache=optional_cache_folder())
    scores = scorer.score(read_results(options.results))
    if options.json:
        print(json.dumps(scores.values))
    else:
        for name, value in scores.values.items():
            print(f"{name:8} {value:.6f}")
        print(scores.signature)
    if references.rejected:
        print(f"{references.rejected} captions marked as rejected or precanned are no references", file=sys.stderr)
    if scores.missing:
        print(
            f"{scores.missing} images with references have no caption; the scores are over the others, "
            "and CIDEr's document frequencies too",
            file=sys.stderr,
        )
    if scores.empty:
        print(f"{scores.empty} captions have no word", file=sys.stderr)
    return 0
