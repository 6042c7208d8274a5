"""The galleries that lie beside run records."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.leaderboard.html.paths import ID
from benchmarks.records.record import FILE, RunRecord
from benchmarks.records.samples import GALLERY


class Galleries(Mapping[str, Mapping[str, Any]]):
    """Run id -> gallery, of every run below `root` that holds one back from its record; each is read when asked for.

    `[]` and `get` raise a ValueError that names the file where a gallery cannot be read.
    """

    def __init__(self, root: Path) -> None:
        found = (path for path in root.rglob(GALLERY) if (path.parent / FILE).is_file() and not _hidden(path, root))
        self._files = {_run(path.parent): path for path in sorted(found)}

    def __getitem__(self, run: str) -> Mapping[str, Any]:
        return _read(self._files[run])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _run(folder: Path) -> str:
    """The id of the run in `folder`, which is its name unless somebody gave it another one."""
    return folder.name if ID.fullmatch(folder.name) else RunRecord.load(folder).id


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read gallery {path}: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is no gallery: an object with a picture and references for each image")
    return values
