"""One module per command: `add_arguments` says what it takes, `main` does it and returns the exit code.

What is slow to import is imported inside `main`, so that help is instant.
"""

from registry import Registry


def kinds() -> dict[str, "Registry[object]"]:
    """Every registry, by the kind of what it names; needs no torch."""
    from benchmarks.data import DATASETS
    from benchmarks.metrics import METRICS
    from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

    registries = (BACKBONES, ATTENTIONS, DECODERS, DATASETS, METRICS)
    return {registry.kind: registry for registry in registries}  # type: ignore[misc]  # each holds its own kind
