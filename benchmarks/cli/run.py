"""Train, caption, score and time every cell of a config; finished cells are not run again."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.execution_args import (
    Execution,
    add_execution,
    executor_of,
    is_plugin,
    limits_of,
    read_execution,
)
from benchmarks.cli.experiment_args import add_config, read
from benchmarks.cli.forwarding import forwarding
from benchmarks.cli.notes import print_notes
from benchmarks.cli.paths import writable
from benchmarks.config import Experiment
from benchmarks.executors import EXECUTORS
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import Limits
from benchmarks.metrics.java import process
from benchmarks.runtime.text import plain

if TYPE_CHECKING:
    from benchmarks.executors.schedule import Finished
    from benchmarks.executors.setup import RunSetup


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The config, what overrides it, and where things go."""
    argv = add_config(parser, argv, execution=True)
    add_execution(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the cells and stop")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Run what is left to run; exit code 1 where a cell failed, 3 where records cannot be written."""

    experiment, loggers = read(parser, options), tuple(options.logger or ())
    files = (text for text in loggers if is_plugin(text))
    plugins = tuple(dict.fromkeys((*(options.plugin or ()), *files)))
    with ForkServer() as server, forwarding(server):
        EXECUTORS.check(executor_of(options))
        if options.dry_run:  # also where no job would find its node
            return _show(experiment, plugins, server, limits_of(options), loggers)
        return _run(experiment, plugins, server, read_execution(options), loggers)


def _show(
    experiment: Experiment, plugins: Sequence[str], server: ForkServer, limits: Limits, loggers: Sequence[str]
) -> int:
    from benchmarks.executors.planning import checked_loggers, incompatibilities, plan

    planned = plan(server, experiment, plugins)
    found = checked_loggers(server, planned, loggers)
    print_notes(planned.notes)
    for cell, why in zip(planned.cells, incompatibilities(server, planned, planned.cells, limits.time), strict=True):
        print(f"{cell.id}  {cell}" + (f"  CANNOT BE BUILT: {plain(why)}" if why else ""))
    print(f"{len(planned.cells)} cells" + (f", logged by {', '.join(map(str, found))}" if found else ""))
    return 0


def _run(
    experiment: Experiment, plugins: Sequence[str], server: ForkServer, how: Execution, loggers: Sequence[str]
) -> int:
    from benchmarks.executors.planning import checked_loggers, incompatibilities, plan
    from benchmarks.executors.schedule import Survey, run
    from benchmarks.executors.setup import RunSetup

    planned = plan(server, experiment, plugins)
    cells, found = planned.cells, checked_loggers(server, planned, loggers)
    print_notes(planned.notes)
    for folder in (how.out, how.cache):
        writable(folder)
    process.version()  # scoring needs it, and comes last
    setup = RunSetup(planned, how.out, how.cache, how.resources, how.limits, how.retries, found)
    if setup.resources.launch.first:
        return _assist(server, setup)
    survey, refused = Survey.of(cells, how.out), {}
    waiting = [task.cell for task in survey.tasks]
    for cell, why in zip(waiting, incompatibilities(server, planned, waiting, how.limits.time), strict=True):
        if why:
            refused[cell.id] = why
            print(f"caption-zoo: {cell} is recorded as failed: {plain(why)}", file=sys.stderr)
    failures = 0
    with EXECUTORS.build(how.executor, server, setup) as executor:
        for number, done in enumerate(run(survey, setup, executor, refused, lambda: server.stopping), start=1):
            print(f"[{number}/{len(cells)}] {done.cell.id}  {_line(done)}", flush=True)
            failures += not done.record.done
    print(f"{len(cells) - failures} of {len(cells)} cells done, records in {plain(str(how.out))}")
    return 1 if failures else 0


def _assist(server: ForkServer, setup: "RunSetup") -> int:
    from benchmarks.executors.local import Local

    failures = 0
    with Local(server, setup) as executor:
        for cell, reason in executor.assist(setup.plan.cells):
            failures += reason is not None
            what = f"FAILED here, {plain(reason)}" if reason else "trained with the first process"
            print(f"{cell.id}  {cell}: {what}")
    return 1 if failures else 0


def _line(finished: "Finished") -> str:
    from benchmarks.records.record import RunRecord

    record = finished.record
    if isinstance(record, RunRecord) and not record.done:
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
