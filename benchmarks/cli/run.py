"""Train, caption, score and time every cell of a config; finished cells are not run again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.experiment_args import add_config, print_notes, read
from benchmarks.cli.paths import cache_folder, writable
from benchmarks.config import Experiment
from benchmarks.executors.local import Local
from benchmarks.metrics.java import process

if TYPE_CHECKING:
    from benchmarks.executors.base import Executor
    from benchmarks.executors.schedule import Finished


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The config, what overrides it, and where things go."""
    argv = add_config(parser, argv)
    parser.add_argument("--out", type=str, default="runs", help="folder for the runs (default: runs)")
    parser.add_argument(
        "--cache", type=str, help="folder for features, references and paraphrases (default: ~/.cache/caption-zoo)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the cells and stop")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Run what is left to run; exit code 1 where a cell failed."""
    experiment = read(parser, options)
    out, cache = Path(options.out), Path(options.cache) if options.cache else cache_folder()
    if options.dry_run:
        return _show(experiment)
    with Local(out, cache, options.plugin or []) as executor:
        return _run(experiment, out, cache, executor)


def _show(experiment: Experiment) -> int:
    from benchmarks.plan.compatibility import Compatibility  # late: they import torch
    from benchmarks.plan.matrix import plan

    planned, compatibility = plan(experiment), Compatibility()
    print_notes(planned.notes)
    for cell in planned.cells:
        why = compatibility.incompatibility(cell)
        print(f"{cell.id}  {cell}" + (f"  CANNOT BE BUILT: {why}" if why else ""))
    print(f"{len(planned.cells)} cells")
    return 0


def _run(experiment: Experiment, out: Path, cache: Path, executor: "Executor") -> int:
    from benchmarks.executors.schedule import run  # late: they import torch, which `executor` does meanwhile
    from benchmarks.plan.compatibility import Compatibility
    from benchmarks.plan.matrix import plan

    planned, compatibility = plan(experiment), Compatibility()
    cells = planned.cells
    print_notes(planned.notes)
    for folder in (out, cache):
        writable(folder)
    process.version()  # scoring needs it, and comes last
    for cell in cells:
        if why := compatibility.incompatibility(cell):
            print(f"caption-zoo: {cell} will be recorded as failed: {why}", file=sys.stderr)
    failures = 0
    for number, finished in enumerate(run(cells, out, executor), start=1):
        print(f"[{number}/{len(cells)}] {finished.cell.id}  {_line(finished)}", flush=True)
        failures += not finished.record.done
    print(f"{len(cells) - failures} of {len(cells)} cells done, records in {out}")
    return 1 if failures else 0


def _line(finished: "Finished") -> str:
    record = finished.record
    if not record.done:
        return f"{finished.cell}: FAILED, {record.error}"
    took = (
        "done before"
        if finished.earlier
        else f"{sum(record.seconds[key] for key in ('train', 'decode', 'score')):.0f} s"
    )
    scores = "  ".join(
        f"{name} {record.scores[name]:.3f}" for name in ("CIDEr", "METEOR", "Bleu_4") if name in record.scores
    )
    return f"{finished.cell}: {scores}  ({took})"
