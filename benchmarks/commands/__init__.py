"""One module per command: `add_arguments` says what it takes, `main` does it and returns the exit code.

What is slow to import is imported inside `main`, so that help is instant.
"""

from collections.abc import Sequence
from typing import Any

from registry import Registry, load_plugin


def kinds(plugins: Sequence[str] = ()) -> dict[str, Registry[Any]]:
    """Every registry, by the kind of what it names, with what `plugins` add; needs no torch of its own."""
    from benchmarks.data import DATASETS
    from benchmarks.metrics import METRICS
    from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

    for plugin in plugins:
        load_plugin(plugin)
    registries: tuple[Registry[Any], ...] = (BACKBONES, ATTENTIONS, DECODERS, DATASETS, METRICS)
    return {registry.kind: registry for registry in registries}
