"""Which components a cell uses, those too that options name, and the hashes of their files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.config import Training
from benchmarks.data import DATASETS
from benchmarks.metrics import METRICS
from benchmarks.training import OBJECTIVES
from registry import Spec
from registry.component import source_file
from zoo.registries import ATTENTIONS, BACKBONES, PARTS


def components_of(
    parts: Mapping[str, Spec], dataset: Spec, training: Training, metrics: Sequence[Spec]
) -> list[tuple[str, Any, str]]:
    """A label, which begins with the kind, the registry and the name of each component that a cell uses."""
    used = [item for kind, spec in parts.items() for item in parts_in(kind, spec)]
    used += [("dataset", DATASETS, dataset.name), ("objective", OBJECTIVES, training.objective.name)]
    return used + [(f"metric {metric.name}", METRICS, metric.name) for metric in metrics]


def hashes_of(used: Sequence[tuple[str, Any, str]], backbone: Spec, hash_of: Callable[[str], str]) -> dict[str, str]:
    """By label the hash of the file of each component that is not ours, and of the backbone's weights."""
    sources = file_hashes(used, hash_of)
    if file := backbone.options.get("weights"):
        sources["backbone weights"] = hash_of(file)
    return sources


def file_hashes(used: Sequence[tuple[str, Any, str]], hash_of: Callable[[str], str]) -> dict[str, str]:
    """By label the hash of the file of each component that is not ours."""
    sources = {}
    for label, registry, name in used:
        file = source_file(registry[name]) if registry.origin(name) != "caption-zoo" else None
        if file:
            sources[label] = hash_of(file)
    return sources


def parts_in(kind: str, spec: Spec) -> Iterator[tuple[str, Any, str]]:
    """A label, the registry and the name, of `spec` and of every attention or backbone that its options name."""
    yield kind, PARTS[kind], spec.name
    for inner in _named_in(spec):
        if kind == BACKBONES.kind and inner.name in BACKBONES:  # of which there may be several
            yield f"{kind} {kind} {inner.name}", BACKBONES, inner.name
        elif inner.name in ATTENTIONS:
            yield from ((f"{kind} {label}", *rest) for label, *rest in parts_in("attention", inner))


def _named_in(spec: Spec) -> Iterator[Spec]:
    """What may be a component, among the options and in lists of them."""
    for value in spec.options.values():
        for text in value if isinstance(value, list | tuple) else [value]:
            with suppress(ValueError):
                yield Spec.parse(text)
