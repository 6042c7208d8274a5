"""Make the leaderboard, index.html with a card per run, leaderboard.md and leaderboard.csv, from run records."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Where records lie, and where the page goes."""
    parser.add_argument("runs", metavar="RUNS", help="folder with run records, at any depth")
    parser.add_argument("--out", type=str, help="folder for the page; RUNS/leaderboard without it")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is stale")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Write the files and print where the page lies."""
    from benchmarks.leaderboard import stale, write
    from benchmarks.leaderboard.card.galleries import galleries
    from benchmarks.record import records

    runs = Path(options.runs)
    if not runs.is_dir():
        raise ValueError(f"no folder {options.runs!r} with run records: caption-zoo run makes them")
    found = list(records(runs))
    out = Path(options.out) if options.out else runs / "leaderboard"
    if not options.check:
        for file in write(found, out, galleries(runs)):
            print(file)
        return 0
    if differing := stale(found, out, galleries(runs)):
        raise ValueError(
            f"{', '.join(differing)} in {out} is not what the records give: run caption-zoo leaderboard again"
        )
    print(f"{out} is what its {len(found)} records give")
    return 0
