"""List the configs that come with caption-zoo: run and check take them by name; with a name, copy one."""

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.shipped import configs, copy, list_files


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The name."""
    parser.add_argument("name", nargs="?", choices=tuple(configs()), help="copy this one into the working folder")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the names, or copy the file."""
    found = configs()
    if options.name:
        copy(found[options.name])
    else:
        list_files(found)
    return 0
