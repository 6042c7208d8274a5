"""Write a trained model for others: a Hugging Face folder with its card, or ONNX graphs and what runs them."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.place import add_place, resolve_model

_FORMATS = ("huggingface", "onnx")


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The model and where it goes."""
    add_place(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="new folder to write")
    parser.add_argument("--format", choices=_FORMATS, default="huggingface", help="what to write")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Write the folder and say where it lies."""
    from benchmarks.inference.export import export_run
    from registry import load_plugin

    for plugin in options.plugin:
        load_plugin(plugin)
    summary = export_run(resolve_model(options.model, options.revision), Path(options.out), options.format)
    print(f"{options.out}: {summary}")
    return 0
