"""Check a config in seconds, before hours of compute; or run our contracts on one component."""

import argparse
from collections.abc import Sequence

from jsonargparse import ArgumentParser, Namespace

from benchmarks.commands.run import add_config, read
from registry import load_plugin

_PARTS = ("backbone", "attention", "decoder")


def rewrite(argv: Sequence[str]) -> list[str]:
    """``KIND SPEC`` is ``--part KIND SPEC``, ``CONFIG`` is ``--config CONFIG``."""
    if argv and argv[0] in _PARTS:
        return ["--part", *argv]
    return ["--config", *argv] if argv and not argv[0].startswith("-") else list(argv)


def add_arguments(parser: ArgumentParser) -> None:
    """A config and its overrides, or a kind and a Spec."""
    add_config(parser)
    parser.usage = f"{parser.prog} CONFIG [options] | {parser.prog} backbone|attention|decoder SPEC [--plugin FILE]"
    parser.add_argument("--part", nargs=2, metavar=("KIND", "SPEC"), help=argparse.SUPPRESS)


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the cells, or what each contract found; exit code 1 where something does not hold."""
    return _check_part(options) if options.part else _check_config(parser, options)


def _check_config(parser: ArgumentParser, options: Namespace) -> int:
    experiment = read(parser, options)
    from benchmarks.matrix import misfit, plan

    refused = 0
    for cell in plan(experiment):
        why = misfit(cell)
        refused += why is not None
        print(f"{'REFUSED' if why else 'ok     '}  {cell.id}  {cell}" + (f": {why}" if why else ""))
    print(f"{len(experiment.matrix) - refused} cells can run, {refused} cannot")
    return 1 if refused else 0


def _check_part(options: Namespace) -> int:
    for plugin in options.plugin or []:
        load_plugin(plugin)
    from zoo.contracts import check

    kind, spec = options.part
    broken = 0
    for contract, problem in check(kind, spec):
        broken += problem is not None
        print(f"{'BROKEN' if problem else 'ok    '}  {contract}" + (f": {problem}" if problem else ""))
    return 1 if broken else 0
