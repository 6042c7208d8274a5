"""Check a config in seconds, before hours of compute; or run our contracts on one component."""

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.experiment_args import add_config, read
from benchmarks.cli.notes import print_notes
from benchmarks.runtime.text import plain
from registry import load_plugin

KINDS = ("backbone", "attention", "decoder", "dataset", "metric", "objective", "logger")


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """A config and its overrides; or, where the first argument is a kind, that and a Spec."""
    if argv and argv[0] in KINDS:
        parser.add_argument("kind")
        parser.add_argument("spec", metavar="SPEC", help="the component, as in a config")
        parser.add_argument("--plugin", action="append", metavar="FILE", help="a Python file that registers it")
        return argv
    argv = add_config(parser, argv)
    parser.usage = f"{parser.prog} CONFIG [options] | {parser.prog} {'|'.join(KINDS)} SPEC [--plugin FILE]"
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the cells, or what each contract found; exit code 1 where something does not hold."""
    return _check_component(options) if "spec" in options else _check_config(parser, options)


def _check_config(parser: ArgumentParser, options: Namespace) -> int:
    from benchmarks.executors.fork_server import ForkServer
    from benchmarks.executors.planning import incompatibilities, plan

    experiment, refused = read(parser, options), 0
    with ForkServer() as server:
        planned = plan(server, experiment, options.plugin or ())
        print_notes(planned.notes)
        found = incompatibilities(server, planned, planned.cells)
        for cell, why in zip(planned.cells, found, strict=True):
            refused += why is not None
            print(f"{'REFUSED' if why else 'ok     '}  {cell.id}  {cell}" + (f": {plain(why)}" if why else ""))
    print(f"{len(planned.cells) - refused} cells can run, {refused} cannot")
    return 1 if refused else 0


def _check_component(options: Namespace) -> int:
    for plugin in options.plugin or []:
        load_plugin(plugin)
    from benchmarks.contracts import check

    broken = 0
    for contract, problem in check(options.kind, options.spec):
        broken += problem is not None
        print(f"{'BROKEN' if problem else 'ok    '}  {contract}" + (f": {plain(problem)}" if problem else ""))
    return 1 if broken else 0
