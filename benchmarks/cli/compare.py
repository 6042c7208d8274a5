"""Paired significance test of two entries, figure by figure, and the images that differ most."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.notes import pass_over


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Two entries, and those that they were picked from."""
    parser.add_argument("one", metavar="A", help="a record, a run's folder, or a folder with the seeds of one entry")
    parser.add_argument("other", metavar="B", help="the same")
    parser.add_argument("--among", metavar="RUNS", type=str, help="folder of the records that A and B were picked from")
    parser.add_argument("--images", type=int, default=3, help="images shown on which either is ahead (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the comparison."""
    from benchmarks.leaderboard.compare import as_json, as_text, compare

    if options.images < 0:
        raise ValueError(f"--images {options.images} should be 0 or more")
    among = Path(options.among) if options.among else None
    comparison = compare(Path(options.one), Path(options.other), among, images=options.images, on_bad=pass_over)
    print(as_json(comparison) if options.json else as_text(comparison))
    return 0
