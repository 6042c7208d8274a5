"""Run the cell of a record again, of an ensemble those of its members too, from its request alone, and compare."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.forwarding import forwarding
from benchmarks.cli.notes import print_notes
from benchmarks.cli.paths import cache_folder, writable
from benchmarks.metrics.java import process
from benchmarks.records.packed import is_packed
from benchmarks.records.record import RunRecord
from benchmarks.runtime.text import plain

if TYPE_CHECKING:
    from benchmarks.executors.fork_server import ForkServer


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The record, what it does not say, and where things go."""
    parser.add_argument("record", metavar="RECORD", help="a record, or the folder of a run")
    parser.add_argument("--dataset", metavar="SPEC", help="the record's data set with its place: \"coco(root='...')\"")
    parser.add_argument("--weights", metavar="FILE", help="the backbone's weights, where they came from a file")
    parser.add_argument("--start-from", metavar="FOLDER", default="", help="the run that it started from, if it did")
    parser.add_argument("--teacher", metavar="FOLDER", default="", help="the run that it learned from, if it did")
    parser.add_argument("--out", type=str, default="runs/reproduced", help="folder for the run (runs/reproduced)")
    parser.add_argument("--cache", type=str, help="folder for features and references (default: ~/.cache/caption-zoo)")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    parser.add_argument("--dry-run", action="store_true", help="print what would run, and what differs here, and stop")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print what came of it; exit code 1 where the run failed."""
    from benchmarks.executors.fork_server import ForkServer

    record = RunRecord.load(Path(options.record))
    with ForkServer() as server, forwarding(server):
        return _reproduce(record, options, server)


def _reproduce(record: RunRecord, options: Namespace, server: "ForkServer") -> int:
    from benchmarks.cell.workdir import finished  # late: they import torch
    from benchmarks.executors.local import Local
    from benchmarks.executors.planning import only
    from benchmarks.executors.schedule import Survey, run
    from benchmarks.executors.setup import RunSetup
    from benchmarks.runtime.environment import environment
    from benchmarks.verification.diff import captions_of, environments, table, verdict
    from benchmarks.verification.reproduce import planned as plan_job

    places = {name: options[name] for name in ("dataset", "weights", "start_from", "teacher")}
    planned = only(server, plan_job, record, places, options.plugin)
    *members, cell = planned.cells
    print_notes(planned.notes)
    print(f"{cell.id}  {cell}, on {cell.dataset}")
    print(
        "\n".join(
            [*environments(record.environment, environment(java=process.version()))]
            or ["The environment is the record's."]
        )
    )
    if is_packed(record.environment):
        print(
            "The record is of a packed model, whose weights were rounded: this run's are not; "
            f"caption-zoo pack {Path(options.out) / cell.id} --out NAME rounds them and scores them again."
        )
    if options.dry_run:
        return 0
    captions = captions_of(record, Path(options.record))
    out, cache = Path(options.out), Path(options.cache) if options.cache else cache_folder()
    for folder in (out, cache):
        writable(folder)
    if finished(out / cell.id) == record:
        raise ValueError(f"{out / cell.id} is the record itself: choose another folder with --out")
    setup = RunSetup(planned, out, cache)
    with Local(server, setup, workers=1) as executor:
        found = {done.cell.id: done for done in run(Survey.of([*members, cell], out), setup, executor)}
    new = RunRecord.load(out / cell.id)
    if not new.done:
        print(f"FAILED, {plain(str(new.error))}")
        return 1
    if found[cell.id].earlier:
        print(f"Reproduced before, {new.finished}.")
    print("\n".join(table(record, new)))
    print("\n".join(verdict(record, new, [captions, captions_of(new, out / cell.id)])))
    print(f"The new record: {out / cell.id}")
    return 0
