"""A matrix, run: what is left of it, in whatever executor, from the command line and from Python."""

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path

from benchmarks.config import Experiment
from benchmarks.executors import EXECUTORS
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import Limits
from benchmarks.executors.planning import checked_loggers, incompatibilities, plan, plugin_files
from benchmarks.executors.schedule import Finished, Survey
from benchmarks.executors.schedule import run as run_tasks
from benchmarks.executors.setup import RunSetup
from benchmarks.metrics.java import process
from benchmarks.plan.notebook import notebook_plugins
from benchmarks.records.record import FILE, RunRecord
from benchmarks.runtime.cache_folder import cache_folder
from benchmarks.runtime.progress import write
from benchmarks.runtime.storage import writable
from benchmarks.runtime.text import plain
from registry import Spec

SILENCE = 1800.0  # seconds without a step, after which a cell is ended


def run(
    experiment: Experiment,
    *,
    out: str | PathLike[str] = "runs",
    cache: str | PathLike[str] | None = None,
    executor: str | Spec = "local",
    plugins: Sequence[str | PathLike[str]] = (),
    loggers: Sequence[str | PathLike[str]] = (),
) -> list[RunRecord]:
    """Train, caption, score and time every cell of `experiment`; finished cells are not run again.

    Each cell runs in a process of its own, and a line is printed when it has ended. Parts that are
    written in a notebook or in the script that calls this are among what can be named: what they
    consist of is put into ``out/plugins``, and the records have its hash.

    Args:
        experiment: what to run.
        out: folder of the runs, which may hold others.
        cache: folder for features, references and paraphrases; ``~/.cache/caption-zoo`` where none is given.
        executor: a Spec, ``local(workers=2)`` for two cells at once.
        plugins: Python files with components.
        loggers: what takes each cell's metrics while it trains, by Specs or by Python files that register it:
            ``["tensorboard", "mine.py"]``.

    Returns:
        The record of each cell, failed ones too: see `RunRecord.done` and `RunRecord.error`.

    Raises:
        ValueError: there is no such component or option, the data set cannot be read, or a folder not be written.
        StorageError: an OSError; records cannot be written any more.
    """
    folder, spec = Path(out), Spec.parse(executor)
    cached = Path(cache) if cache is not None else cache_folder()
    EXECUTORS.check(spec)
    for each in (folder, cached):
        writable(each)
    texts = [str(logger) for logger in loggers]
    files = plugin_files(map(str, (*plugins, *notebook_plugins(experiment, folder, texts))), texts)
    with ForkServer() as server:
        planned = plan(server, experiment, files)
        for note in planned.notes:
            write(f"caption-zoo: note: {plain(note)}", sys.stderr)
        found = checked_loggers(server, planned, texts)
        setup = RunSetup(planned, folder, cached, limits=Limits(silence=SILENCE), loggers=found)
        with closing(run_planned(server, setup, spec)) as finished:
            for number, done in enumerate(finished, start=1):
                write(f"[{number}/{len(planned.cells)}] {done.cell.id}  {described(done)}")
    return [RunRecord.load(folder / cell.id / FILE) for cell in planned.cells]


def run_planned(server: ForkServer, setup: RunSetup, executor: Spec) -> Generator[Finished]:
    """What comes of each cell of a plan; what cannot be put together is named on stderr, and recorded as failed.

    Raises:
        ValueError: the executor makes no sense, or there is no Java.
        StorageError: records cannot be written any more.
        Stopped: the server was stopped.
    """
    process.version()  # scoring needs it, and comes last
    plan = setup.plan
    survey, refused = Survey.of(plan.cells, setup.out), {}
    waiting = [task.cell for task in survey.tasks]
    for cell, why in zip(waiting, incompatibilities(server, plan, waiting, setup.limits.time), strict=True):
        if why:
            refused[cell.id] = why
            write(f"caption-zoo: {cell} is recorded as failed: {plain(why)}", sys.stderr)
    with EXECUTORS.build(executor, server, setup) as runner:
        yield from run_tasks(survey, setup, runner, refused, lambda: server.stopping)


def described(finished: Finished) -> str:
    """The cell, its scores, and how long it took or why it failed, in one line."""
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
