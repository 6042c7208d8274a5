"""How a cell's folder gets its name: whole, once, and by one writer."""

import os
import re
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.records.record import FILE, RunRecord
from benchmarks.runtime.environment import environment
from benchmarks.runtime.locks import locked
from zoo.atomic import sync, sync_tree


def new_partial(cell: Cell, out: Path) -> Path:
    """An empty folder for this process to work in, hidden from whoever reads records."""
    partial = out / ".partial" / f"{cell.id}-{socket.gethostname()}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def remove_stale(out: Path) -> None:
    """Remove what killed runs of this machine left half done."""
    for folder in (out / ".partial").glob("*-*-*"):
        name, _, process = folder.name.removesuffix("-replaced").rpartition("-")
        mine = name[len("0123456789ab-") :] == socket.gethostname()
        if mine and (not _alive(int(process)) or int(process) == os.getpid()):
            shutil.rmtree(folder, ignore_errors=True)  # another runner may sweep too


def finished(folder: Path) -> RunRecord | None:
    """The record of a cell that ran to its end, or None where it failed or never ran.

    Raises:
        BadRecord: there is a record that cannot be read.
    """
    if not (folder / FILE).exists():
        return None
    record = RunRecord.load(folder)
    return record if record.done else None


def failed(cell: Cell, reason: str, *, java: str | None = None) -> RunRecord:
    """The record of a cell that did not come to its end, without folders of this machine: records are passed on."""
    reason = _without_folders(reason)
    return RunRecord(
        **request_fields(cell), status="failed", error=reason, environment=environment(java=java), finished=now()
    )


def publish(record: RunRecord, partial: Path, out: Path) -> RunRecord:
    """Give `partial`, which holds the record, its name, unless another runner was first."""
    sync_tree(partial)
    folder = out / record.id
    with locked(out / ".lock", f"that writes to {out}"):
        if earlier := finished(folder):
            shutil.rmtree(partial)
            return earlier
        if folder.exists():
            replaced = partial.with_name(f"{partial.name}-replaced")
            folder.rename(replaced)  # in one step, so that no kill leaves half of it behind
            shutil.rmtree(replaced)
        partial.rename(folder)
    sync(out)
    return record


def request_fields(cell: Cell) -> dict[str, Any]:
    """The fields of a record that the request alone decides."""
    return {
        "id": cell.id,
        "experiment": cell.experiment,
        "parts": cell.parts,
        "origins": dict(cell.origins),
        "dataset": str(cell.dataset),
        "split": cell.split,
        "synthetic": cell.synthetic,
        "seed": cell.seed,
        "request": cell.request,
    }


def _without_folders(text: str) -> str:
    """`text` with paths below the working folder relative to it, and of others their last name."""
    text = text.replace(f"{Path.cwd()}{os.sep}", "")
    return re.sub(r"(?<![\w.:/])/(?:[^\s/'\"]+/)+", "", text)


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
