"""Train, caption, score and time every cell of a config; finished cells are not run again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.experiment_args import add_config, read
from benchmarks.cli.forwarding import forwarding
from benchmarks.cli.notes import print_notes
from benchmarks.cli.paths import cache_folder, writable
from benchmarks.config import Experiment
from benchmarks.executors.fork_server import ForkServer
from benchmarks.metrics.java import process
from benchmarks.runtime.launch import Launch
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.text import plain

if TYPE_CHECKING:
    from benchmarks.executors.local import Local
    from benchmarks.executors.schedule import Finished
    from benchmarks.plan.cell import Cell


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The config, what overrides it, and where things go."""
    argv = add_config(parser, argv)
    parser.add_argument("--out", type=str, default="runs", help="folder for the runs (default: runs)")
    parser.add_argument(
        "--cache", type=str, help="folder for features, references and paraphrases (default: ~/.cache/caption-zoo)"
    )
    parser.add_argument("--devices", type=int, default=1, help="processes that train a cell, a GPU each (default: 1)")
    parser.add_argument("--nodes", type=int, default=1, help="machines, each of which runs this command (default: 1)")
    parser.add_argument(
        "--micro-batch", type=int, default=0, metavar="N", help="so many images of a step at a time, to save memory"
    )
    parser.add_argument(
        "--grad-checkpointing", action="store_true", help="compute a trainable backbone twice, to save memory"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the cells and stop")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Run what is left to run; exit code 1 where a cell failed."""

    experiment, plugins = read(parser, options), tuple(options.plugin or ())
    out, cache = Path(options.out), Path(options.cache) if options.cache else cache_folder()
    with ForkServer() as server, forwarding(server):
        if options.dry_run:
            return _show(experiment, plugins, server)
        launch = Launch.of(options.devices, options.nodes)
        resources = Resources(launch, options.micro_batch, options.grad_checkpointing)
        return _run(experiment, plugins, server, out, cache, resources)


def _show(experiment: Experiment, plugins: Sequence[str], server: ForkServer) -> int:
    from benchmarks.executors.planning import incompatibilities, plan

    planned = plan(server, experiment, plugins)
    print_notes(planned.notes)
    for cell, why in zip(planned.cells, incompatibilities(server, planned, planned.cells), strict=True):
        print(f"{cell.id}  {cell}" + (f"  CANNOT BE BUILT: {plain(why)}" if why else ""))
    print(f"{len(planned.cells)} cells")
    return 0


def _run(
    experiment: Experiment, plugins: Sequence[str], server: ForkServer, out: Path, cache: Path, resources: Resources
) -> int:
    from benchmarks.cell.workdir import finished
    from benchmarks.executors.local import Local
    from benchmarks.executors.planning import incompatibilities, plan
    from benchmarks.executors.schedule import run

    planned = plan(server, experiment, plugins)
    cells = planned.cells
    print_notes(planned.notes)
    for folder in (out, cache):
        writable(folder)
    process.version()  # scoring needs it, and comes last
    if resources.launch.first:
        with Local(server, planned, out, cache, resources) as executor:
            return _assist(executor, cells)
    refused, waiting = {}, [cell for cell in cells if not finished(out / cell.id)]
    for cell, why in zip(waiting, incompatibilities(server, planned, waiting), strict=True):
        if why:
            refused[cell.id] = why
            print(f"caption-zoo: {cell} is recorded as failed: {plain(why)}", file=sys.stderr)
    failures = 0
    with Local(server, planned, out, cache, resources) as executor:
        for number, done in enumerate(run(cells, out, executor, refused), start=1):
            print(f"[{number}/{len(cells)}] {done.cell.id}  {_line(done)}", flush=True)
            failures += not done.record.done
    print(f"{len(cells) - failures} of {len(cells)} cells done, records in {out}")
    return 1 if failures else 0


def _assist(executor: "Local", cells: Sequence["Cell"]) -> int:
    failures = 0
    for cell, reason in executor.assist(cells):
        failures += reason is not None
        what = f"FAILED here, {plain(reason)}" if reason else "trained with the first process"
        print(f"{cell.id}  {cell}: {what}")
    return 1 if failures else 0


def _line(finished: "Finished") -> str:
    record = finished.record
    if not record.done:
        return f"{finished.cell}: FAILED, {plain(str(record.error))}"
    took = (
        "done before"
        if finished.earlier
        else f"{sum(record.seconds[key] for key in ('train', 'decode', 'score')):.0f} s"
    )
    scores = "  ".join(
        f"{name} {record.scores[name]:.3f}" for name in ("CIDEr", "METEOR", "Bleu_4") if name in record.scores
    )
    return f"{finished.cell}: {scores}  ({took})"
