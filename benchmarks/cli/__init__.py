"""One module per command: `add_arguments` says what it takes, `main` does it and returns the exit code.

What is slow to import is imported inside functions, so that help is instant.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from registry import Registry

COMMANDS = {
    "list": "what there is to choose from",
    "show": "one component: its options, size, paper and source",
    "configs": "the configs that come with it: run them by name, or copy them",
    "examples": "the files that the documentation shows, to copy",
    "check": "a config, or the contracts of one component",
    "run": "train, caption and score every cell of a config",
    "reproduce": "run the cell of a record again, and compare",
    "caption": "caption images with a trained model",
    "demo": "a local page: drop an image, see its caption and attention maps",
    "export": "write a model for others: a Hugging Face folder, or ONNX",
    "push": "publish a model on the Hugging Face Hub",
    "pack": "make a pretrained model of a run: half precision, scored again",
    "score": "score captions against references",
    "leaderboard": "make the page from records, or check them",
    "compare": "paired significance test of two entries",
    "data": "fetch a published data set, and check what was fetched",
    "doctor": "what this machine has and lacks",
    "completion": "the script for TAB completion in bash, zsh or fish",
}


def parser_of(name: str) -> "tuple[Any, ArgumentParser]":
    """The module of a command, and a parser that knows none of its arguments yet."""
    from jsonargparse import ArgumentParser

    module = import_module(f"benchmarks.cli.{name}")
    return module, ArgumentParser(
        prog=f"caption-zoo {name}", description=module.__doc__, exit_on_error=False, allow_abbrev=False
    )


def kinds(plugins: Sequence[str] = ()) -> "Mapping[str, Registry[Any]]":
    """Every registry, by the kind of what it names, with what `plugins` add; needs no torch of its own."""
    from benchmarks.plan.kinds import KINDS
    from registry import load_plugin

    for plugin in plugins:
        load_plugin(plugin)
    return KINDS
