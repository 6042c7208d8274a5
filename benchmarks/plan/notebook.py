"""Components of a notebook's cells, or of the script that runs, as plug-in files for the processes that run cells."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.config import Experiment
from benchmarks.plan.kinds import KINDS
from registry import Spec
from registry.cells import MAIN, plugin_text
from zoo.atomic import make_folder, write_atomically

FOLDER = "plugins"  # in that of the runs


def notebook_plugins(experiment: Experiment, out: Path, loggers: Sequence[str] = ()) -> Iterator[Path]:
    """Files of the components of `__main__` that `experiment` or `loggers` name, written below `out` by their hash.

    An edited component is another file, so the runs of each keep theirs.

    Raises:
        RegistryError: a component cannot be cut out.
    """
    matrix = experiment.matrix
    specs = [experiment.dataset, experiment.metrics, matrix.backbone, matrix.attention, matrix.decoder]
    names = set(_names([*specs, experiment.training.objective, *loggers]))
    for registry in KINDS.values():
        for component in registry.components():
            if component.source == MAIN and component.name in names:
                yield _written(out / FOLDER, component.name, plugin_text(registry, component.name))


def _names(value: Any) -> Iterator[str]:
    """The names of all Specs in `value`, of those too that are the texts of options."""
    match value:
        case Spec():
            yield value.name
            yield from _names(list(value.options.values()))
        case list() | tuple():
            for each in value:
                yield from _names(each)
        case str():
            try:
                spec = Spec.parse(value)
            except ValueError:  # a text that is no Spec
                return
            yield from _names(spec)


def _written(folder: Path, name: str, text: str) -> Path:
    file = folder / hashlib.sha256(text.encode()).hexdigest()[:8] / f"{name}.py"
    if not file.is_file():
        make_folder(file.parent)
        write_atomically(file, text)
    return file
