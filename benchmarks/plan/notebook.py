"""Components of a notebook's cells, or of the script that runs, as plug-in files for the processes that run cells."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.config import Experiment
from benchmarks.plan.kinds import KINDS
from registry.cells import MAIN, plugin_text
from zoo.atomic import make_folder, write_atomically

FOLDER = "plugins"  # in that of the runs


def notebook_plugins(experiment: Experiment, loggers: Sequence[str], out: Path) -> Iterator[Path]:
    """Files of the components of `__main__` that `experiment` or `loggers` name, written below `out` by their hash.

    An edited component is another file, so the runs of each keep theirs.

    Raises:
        RegistryError: a component cannot be cut out.
    """
    words = set(re.findall(r"\w+", repr((experiment, loggers))))
    for registry in KINDS.values():
        for component in registry.components():
            if component.source == MAIN and component.name in words:
                yield _written(out / FOLDER, component.name, plugin_text(registry, component.name))


def _written(folder: Path, name: str, text: str) -> Path:
    file = folder / hashlib.sha256(text.encode()).hexdigest()[:8] / f"{name}.py"
    if not file.is_file():
        make_folder(file.parent)
        write_atomically(file, text)
    return file
