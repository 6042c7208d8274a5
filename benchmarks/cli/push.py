"""Publish the model of a run on the Hugging Face Hub, with a card made from its record."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The run, and what it is to be called."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, runs/ID")
    parser.add_argument("name", metavar="ORG/NAME", help="repository on the Hub; it is made where there is none")
    parser.add_argument("--revision", metavar="BRANCH", default="main", help="branch to push to (default: main)")
    parser.add_argument("--private", action="store_true", help="for you or ORG alone; refused by a public repository")
    parser.add_argument("--license", metavar="NAME", help="licence of the weights for the card, as apache-2.0")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Publish it and print ORG/NAME@COMMIT."""
    from benchmarks.inference.export import push_run
    from registry import load_plugin

    for plugin in options.plugin:
        load_plugin(plugin)
    print(
        push_run(
            Path(options.run),
            options.name,
            license_name=options.license,
            private=options.private,
            revision=options.revision,
        )
    )
    return 0
