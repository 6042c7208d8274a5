"""An experiment from a config and the command line, as several commands take one."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from jsonargparse.typing import register_type

from benchmarks.cli.config_file import read_config
from benchmarks.cli.shipped import find_config
from benchmarks.config import Experiment
from registry import Spec

_AXES = ("backbone", "attention", "decoder")


def add_config(parser: ArgumentParser, argv: list[str], *, execution: bool = False) -> list[str]:
    """An experiment from a file, each of its keys an option, and short names for the axes.

    A parser with the options of `execution` has them from the file too.

    Returns:
        The arguments, where ``CONFIG`` in first place has become ``--config CONFIG``.
    """
    register_type(Spec, serializer=str, deserializer=Spec.parse, fail_already_registered=False)
    parser.usage = f"{parser.prog} CONFIG [options]"
    parser.add_argument("--config", action=ActionConfigFile, help="the config, for when it does not come first")
    parser.add_class_arguments(Experiment, as_positional=False, skip={"start_from"})
    parser.add_argument(
        "--start-from",
        metavar="FOLDER",
        default="",
        help="finished runs, from whose weights training starts: for each cell that of the same parts, seed and data, "
        "in which a backbone that learns may have been frozen; or one run, for all",
    )
    for axis in _AXES:
        parser.add_argument(
            f"--{axis}", action="append", metavar="SPEC", help=f"this {axis} and not the config's; repeatable"
        )
    parser.add_argument("--seeds", type=str, metavar="N,...", help="these seeds instead of the config's")
    parser.add_argument("--plugin", action="append", metavar="FILE", help="Python file with components; repeatable")
    if argv and not argv[0].startswith("-"):
        argv = ["--config", *argv]
    if {"-h", "--help"} & set(argv):  # a config may be missing there
        return [word for word, named in _configs(argv) if not named]
    read = partial(read_config, execution=execution)
    argv = [f"--config={read(find_config(word))}" if named else word for word, named in _configs(argv)]
    if "--config" not in {argument.partition("=")[0] for argument in argv}:
        raise ValueError(f"which config? {parser.usage}, for example quickstart; caption-zoo configs has more")
    return argv


def _configs(argv: list[str]) -> Iterator[tuple[str, bool]]:
    """Each word, and whether it names a config; ``--config`` itself is left out."""
    words = iter(argv)
    for word in words:
        option, equals, file = word.partition("=")
        if option == "--config" and (equals or (file := next(words, ""))):
            yield file, True
        else:
            yield word, False


def read(parser: ArgumentParser, options: Namespace) -> Experiment:
    """The experiment that the options describe.

    Raises:
        ValueError: a value makes no sense.
    """
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


def _experiment(parser: ArgumentParser, options: Namespace) -> Experiment:
    made = parser.instantiate(options)
    keys = ("dataset", "matrix", "name", "metrics", "training", "decoding", "start_from", "ensemble")
    return Experiment(**{key: made[key] for key in keys})
