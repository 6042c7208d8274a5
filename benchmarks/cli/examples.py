"""List the files that the documentation shows: a part of each kind, and scripts for SLURM; with a name, copy one."""

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.shipped import copy, examples, list_files


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The name."""
    parser.add_argument("name", nargs="?", choices=tuple(examples()), help="copy this one into the working folder")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the names, or copy the file."""
    found = examples()
    if options.name:
        copy(found[options.name])
    else:
        list_files(found)
    return 0
