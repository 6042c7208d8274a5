"""What the card of a run is called, and which files of a folder are cards."""

import re
from pathlib import Path

from benchmarks.records.record import RunRecord

FOLDER = "runs"
ID = re.compile(r"[0-9a-f]{12}")


def name_of(record: RunRecord) -> str:
    """The file's name; empty where the id is not one that a run can have, such as a path."""
    return f"{record.id}.html" if isinstance(record.id, str) and ID.fullmatch(record.id) else ""


def cards_in(out: Path) -> list[Path]:
    """The cards that lie beside the page in `out`."""
    return sorted(file for file in (out / FOLDER).glob("*.html") if ID.fullmatch(file.stem))
