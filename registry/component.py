"""What a list shows."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """What a list shows of a registered name, without building it.

    `source` is the module that defines it; `origin` is where that came from:
    "caption-zoo", a distribution, or the plug-in's file. `variants` says whether there are
    some; False for a plug-in that is not imported yet.
    """

    name: str
    summary: str
    source: str
    origin: str
    variants: bool = False


def source_file(factory: Callable[..., object]) -> str | None:
    """The file in which `factory` is written; None of what has none, such as a class made in a notebook."""
    try:
        return inspect.getsourcefile(factory)
    except (TypeError, OSError):  # OSError of a class in a notebook
        return None


def is_interactive(factory: Callable[..., object]) -> bool:
    """Whether `factory` comes from a notebook's cell or a prompt, which may be edited and run again."""
    return factory.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
