"""The arguments that name a trained model, for the commands that put one to work."""

from jsonargparse import ArgumentParser


def add_place(parser: ArgumentParser) -> None:
    """A run's folder, or a model of the Hub and its revision."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, runs/ID, or ORG/NAME on the Hugging Face Hub")
    parser.add_argument("--revision", metavar="NAME", help="branch, tag or commit on the Hub (default: main)")
