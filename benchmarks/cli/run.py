"""Train, caption, score and time every cell of a config; finished cells are not run again."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.estimate import print_estimate
from benchmarks.cli.execution_args import Execution, add_execution, executor_of, limits_of, read_execution
from benchmarks.cli.experiment_args import add_config, read
from benchmarks.cli.forwarding import forwarding
from benchmarks.cli.notes import print_notes
from benchmarks.cli.paths import writable
from benchmarks.config import Experiment
from benchmarks.executors import EXECUTORS
from benchmarks.executors.fork_server import ForkServer
from benchmarks.runtime.text import plain

if TYPE_CHECKING:
    from benchmarks.executors.setup import RunSetup


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The config, what overrides it, and where things go."""
    argv = add_config(parser, argv, execution=True)
    add_execution(parser)
    parser.add_argument(
        "--dry-run",
        type=int,
        nargs="?",
        const=0,
        metavar="STEPS",
        help="print the cells and stop; with STEPS, such as 5, measure so many and print what the matrix costs here",
    )
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Run what is left to run; exit code 1 where a cell failed, 3 where records cannot be written."""
    from benchmarks.executors.planning import plugin_files

    experiment, loggers = read(parser, options), tuple(options.logger or ())
    plugins = plugin_files(options.plugin or (), loggers)
    with ForkServer() as server, forwarding(server):
        EXECUTORS.check(executor_of(options))
        if options.dry_run is not None:  # also where no job would find its node
            return _show(experiment, plugins, server, options, loggers)
        return _run(experiment, plugins, server, read_execution(options), loggers)


def _show(
    experiment: Experiment, plugins: Sequence[str], server: ForkServer, options: Namespace, loggers: Sequence[str]
) -> int:
    from benchmarks.executors.planning import checked_loggers, incompatibilities, plan
    from benchmarks.executors.schedule import Survey

    limits = limits_of(options)
    planned = plan(server, experiment, plugins)
    found, possible = checked_loggers(server, planned, loggers), []
    print_notes(planned.notes)
    survey = Survey.of(planned.cells, Path(options.out))
    for earlier in survey.earlier:
        print(f"{earlier.cell.id}  {earlier.cell}  done before")
    left = [task.cell for task in survey.tasks]
    for cell, why in zip(left, incompatibilities(server, planned, left, limits.time), strict=True):
        start = f", from {cell.start_from}" if cell.start_from else ""
        print(f"{cell.id}  {cell}{start}" + (f"  CANNOT BE BUILT: {plain(why)}" if why else ""))
        possible += [] if why else [cell]
    done = f", {len(survey.earlier)} of them done before" if survey.earlier else ""
    print(f"{len(planned.cells)} cells{done}" + (f", logged by {', '.join(map(str, found))}" if found else ""))
    return print_estimate(server, planned, possible, options) if options.dry_run else 0


def _run(
    experiment: Experiment, plugins: Sequence[str], server: ForkServer, how: Execution, loggers: Sequence[str]
) -> int:
    from benchmarks.executors.planning import checked_loggers, plan
    from benchmarks.executors.run import described, run_planned
    from benchmarks.executors.setup import RunSetup

    planned = plan(server, experiment, plugins)
    cells, found = planned.cells, checked_loggers(server, planned, loggers)
    print_notes(planned.notes)
    for folder in (how.out, how.cache):
        writable(folder)
    setup = RunSetup(planned, how.out, how.cache, how.resources, how.limits, how.retries, found)
    if setup.resources.launch.first:
        return _assist(server, setup)
    failures = 0
    with closing(run_planned(server, setup, how.executor)) as finished:
        for number, done in enumerate(finished, start=1):
            print(f"[{number}/{len(cells)}] {done.cell.id}  {described(done)}", flush=True)
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
