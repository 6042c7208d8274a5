"""The galleries that lie beside run records."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.records.record import FILE, RunRecord
from benchmarks.records.samples import GALLERY


def galleries(root: Path) -> dict[str, Mapping[str, Any]]:
    """Run id -> gallery, of every run below `root` that holds one back from its record.

    Raises:
        ValueError: one of them cannot be read; the message names it.
    """
    found = [path for path in root.rglob(GALLERY) if (path.parent / FILE).is_file()]
    return {RunRecord.load(path.parent).id: _read(path) for path in sorted(found) if not _hidden(path, root)}


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
