"""Train, caption, score and time every cell of a config; finished cells are not run again."""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from jsonargparse.typing import register_type

from benchmarks import java
from benchmarks.config import Experiment
from benchmarks.executors.local import Local
from registry import Spec, load_plugin

if TYPE_CHECKING:
    from benchmarks.matrix import Finished

_AXES = ("backbone", "attention", "decoder")


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The config, what overrides it, and where things go."""
    argv = add_config(parser, argv)
    parser.add_argument("--out", type=str, default="runs", help="folder for the runs (default: runs)")
    parser.add_argument(
        "--cache", type=str, help="folder for features, references and paraphrases (default: ~/.cache/caption-zoo)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the cells and stop")
    return argv


def add_config(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """An experiment from a file, each of its keys an option, and short names for the axes.

    Returns:
        The arguments, where ``CONFIG`` in first place has become ``--config CONFIG``.
    """
    register_type(Spec, serializer=str, deserializer=Spec.parse, fail_already_registered=False)
    parser.usage = f"{parser.prog} CONFIG [options]"
    parser.add_argument("--config", action=ActionConfigFile, help="the config, for when it does not come first")
    parser.add_class_arguments(Experiment, as_positional=False)
    for axis in _AXES:
        parser.add_argument(
            f"--{axis}", action="append", metavar="SPEC", help=f"this {axis} and not the config's; repeatable"
        )
    parser.add_argument("--seeds", type=str, metavar="N,...", help="these seeds instead of the config's")
    parser.add_argument("--plugin", action="append", metavar="FILE", help="Python file with components; repeatable")
    if argv and not argv[0].startswith("-"):
        return ["--config", *argv]
    if not {"--config", "-h", "--help"} & {argument.partition("=")[0] for argument in argv}:
        raise ValueError(f"which config? {parser.usage}, for example configs/quickstart.yaml")
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
    from benchmarks.matrix import misfit, plan  # late: they import torch

    cells = plan(experiment)
    tell_notes(experiment.dataset)
    for cell in cells:
        why = misfit(cell)
        print(f"{cell.id}  {cell}" + (f"  CANNOT BE BUILT: {why}" if why else ""))
    print(f"{len(cells)} cells")
    return 0


def _run(experiment: Experiment, out: Path, cache: Path, executor: Local) -> int:
    from benchmarks.matrix import misfit, plan, run  # late: they import torch, which `executor` does meanwhile

    cells = plan(experiment)
    tell_notes(experiment.dataset)
    for folder in (out, cache):
        writable(folder)
    java.version()  # scoring needs it, and comes last
    for cell in cells:
        if why := misfit(cell):
            print(f"caption-zoo: {cell} will be recorded as failed: {why}", file=sys.stderr)
    failures = 0
    for number, finished in enumerate(run(cells, out, executor), start=1):
        print(f"[{number}/{len(cells)}] {finished.cell.id}  {_line(finished)}", flush=True)
        failures += not finished.record.done
    print(f"{len(cells) - failures} of {len(cells)} cells done, records in {out}")
    return 1 if failures else 0


def read(parser: ArgumentParser, options: Namespace) -> Experiment:
    """The experiment that the options describe, with its plug-ins loaded.

    Raises:
        ValueError: a value makes no sense.
    """
    for plugin in options.plugin or []:
        load_plugin(plugin)
    experiment: Experiment = _experiment(parser, options)
    given: dict[str, Any] = {axis: tuple(map(Spec.parse, options[axis])) for axis in _AXES if options[axis]}
    matrix = replace(experiment.matrix, **given)
    if options.seeds:
        try:
            matrix = replace(matrix, seeds=tuple(int(seed) for seed in options.seeds.split(",")))
        except ValueError:
            raise ValueError(f"--seeds {options.seeds} should be whole numbers with commas between") from None
    if not len(matrix):
        raise ValueError("the matrix is empty: every axis needs at least one entry")
    return replace(experiment, matrix=matrix)


def cache_folder() -> Path:
    """Where encoded images and tokenized references go unless told otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caption-zoo"


def _experiment(parser: ArgumentParser, options: Namespace) -> Experiment:
    made = parser.instantiate(options)
    keys = ("dataset", "matrix", "name", "metrics", "training", "decoding")
    return Experiment(**{key: made[key] for key in keys})


def tell_notes(dataset: Spec) -> None:
    """Print on stderr what there is to know of a data set that was planned with."""
    from benchmarks.run import load_dataset

    for note in load_dataset(dataset).notes:
        print(f"caption-zoo: note: {note}", file=sys.stderr)


def writable(folder: Path) -> None:
    """Make the folder.

    Raises:
        ValueError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write into {folder}: {error.strerror or error}; choose another with --out or --cache"
        ) from None


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
