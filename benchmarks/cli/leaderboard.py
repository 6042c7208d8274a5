"""Make the leaderboard from run records and nothing else: a page, a card for each run, Markdown and CSV."""

import sys
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.notes import pass_over


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Where records lie, and where the page goes."""
    parser.add_argument("runs", metavar="RUNS", help="folder with run records, at any depth")
    parser.add_argument("--out", type=str, help="folder for the page; RUNS/leaderboard without it")
    parser.add_argument("--check", action="store_true", help="write nothing; check the records, and the page if any")
    parser.add_argument("--dataset", type=str, metavar="SPEC", help="with --check: score captions again, on this")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Write the files and print where the page lies; with --check, exit code 1 where something does not hold."""
    from benchmarks.leaderboard import write
    from benchmarks.leaderboard.card.galleries import Galleries
    from benchmarks.records.record import records

    runs = Path(options.runs)
    if not runs.is_dir():
        raise ValueError(f"no folder {options.runs!r} with run records: caption-zoo run makes them")
    out = Path(options.out) if options.out else runs / "leaderboard"
    if options.dataset and not options.check:
        raise ValueError("--dataset is for --check, which scores captions again: add it, or leave --dataset out")
    if options.check:
        if options.out and not out.is_dir():
            raise ValueError(f"no folder {options.out!r} with a page to check: leave --out out to check records alone")
        return _check(runs, out, options.dataset)
    if not (found := list(records(runs, pass_over))):
        raise ValueError(f"no run records below {runs}: caption-zoo run makes them")
    for file in write(found, out, Galleries(runs)):
        print(file)
    return 0


def _check(runs: Path, out: Path, dataset: str | None) -> int:
    """Whether records can be believed, and whether the page is what they give."""
    from benchmarks.cli.paths import optional_cache_folder
    from benchmarks.leaderboard.tables.formatting import clean
    from benchmarks.records.record import record_files
    from benchmarks.verification.rescore import RecordChecker
    from registry import Spec

    files = record_files(runs)
    if not files:
        raise ValueError(f"no run records below {runs}: caption-zoo run makes them")
    with RecordChecker(Spec.parse(dataset) if dataset else None, cache=optional_cache_folder()) as checker:
        problems = list(checker.problems(files))
    page = "there is no page to compare them with"
    if out.is_dir():
        page = f"{out} is what they give"
        try:
            problems += [f"{file}: is not what the records give: make it again" for file in _stale(runs, out)]
        except ValueError as error:
            problems.append(f"{out}: cannot be compared: {error}")
    for problem in problems:
        print(f"caption-zoo: {clean(problem)}", file=sys.stderr)
    if not problems:
        print(f"{len(files)} records hold, the captions of {checker.rescored} were scored again; {page}")
    return 1 if problems else 0


def _stale(runs: Path, out: Path) -> list[Path]:
    from benchmarks.leaderboard import stale
    from benchmarks.leaderboard.card.galleries import Galleries
    from benchmarks.records.record import records

    return stale(records(runs, lambda bad: None), out, Galleries(runs))  # the check has named it
