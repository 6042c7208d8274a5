"""Run the speed suite: `make speed`, or python -m benchmarks.speed --only STAGE."""

import argparse
import sys
import time
from pathlib import Path

from benchmarks.speed import report
from benchmarks.speed.figures import BARS, KEYS
from benchmarks.speed.stages import StageResult, run, threads


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen stages; of all of them, at full size, write the report. 1 where a benchmark failed."""
    options = _parser().parse_args(arguments)
    stages, whole = options.only or list(threads()), not options.only and not options.quick
    if whole and not options.docs.is_dir():
        print(f"speed: no folder {options.docs}: call it where the repository lies, or say --docs", file=sys.stderr)
        return 2
    passed = ["--quick"] if options.quick else []
    passed += ["--command", options.command] if options.command else []
    passed += ["--photographs", str(options.photographs.resolve())] if options.photographs else []
    started, outcomes = time.monotonic(), []
    for stage in stages:
        print(f"{stage} ...", flush=True)
        begun = time.monotonic()
        outcomes.append(run(stage, passed))
        _print(outcomes[-1], stage, time.monotonic() - begun, with_bars=not options.quick)
    numbers = {key: value for outcome in outcomes for key, value in outcome.numbers.items()}
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    if whole:
        notes = [note for outcome in outcomes for note in outcome.notes]
        report.write(options.docs, numbers, report.facts(notes, problems, time.monotonic() - started))
        print(f"{options.docs / 'speed.md'} and {options.docs / report.NUMBERS} are written")
        missing = [key for key in KEYS if key not in numbers]
        print(f"not measured: {', '.join(missing)}" if missing else "everything was measured")
    else:
        print("not all of it, so nothing is written")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    stages = list(threads())
    parser.add_argument("--only", action="append", choices=stages, help="this stage; repeatable; writes nothing")
    parser.add_argument("--quick", action="store_true", help="little of everything; writes nothing")
    parser.add_argument("--command", help="the caption-zoo to start (default: the one beside this Python)")
    parser.add_argument("--photographs", type=Path, help="folder of JPEG files to encode (default: synthetic ones)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the report goes (default: docs)")
    return parser


def _print(outcome: StageResult, stage: str, seconds: float, *, with_bars: bool) -> None:
    bars = {figure.key: figure for figure in BARS} if with_bars else {}
    for key, value in outcome.numbers.items():
        if not key.endswith((".min", ".max")):
            bar = bars[key].bar if key in bars else None
            verdict = "" if bar is None else "  met" if bar.met(value) else "  MISSED"
            print(f"  {key:40} {value:10.4g}{verdict}")
    for problem in outcome.problems:
        print(f"  {problem}")
    print(f"  {stage} took {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
