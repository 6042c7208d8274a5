"""How a cell's folder gets its name: whole, once, and by one writer."""

import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.config import Cell
from benchmarks.hardware import environment
from benchmarks.record import RunRecord


def new_partial(cell: Cell, out: Path) -> Path:
    """An empty folder for this process to work in, hidden from whoever reads records."""
    partial = out / ".partial" / f"{cell.id}-{socket.gethostname()}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def sweep(out: Path) -> None:
    """Remove what killed runs of this machine left half done."""
    for folder in (out / ".partial").glob(f"*-{socket.gethostname()}-*"):
        process = int(folder.name.rpartition("-")[2])
        if not _alive(process) or process == os.getpid():
            shutil.rmtree(folder)


def failed(cell: Cell, reason: str) -> RunRecord:
    """The record of a cell that did not come to its end."""
    return RunRecord(**asked(cell), status="failed", error=reason, environment=environment(), finished=now())


def publish(record: RunRecord, partial: Path, out: Path) -> RunRecord:
    """Write the record into `partial` and give that folder its name, unless another runner was first."""
    record.save(partial)
    folder = out / record.id
    if folder.exists() and not RunRecord.load(folder).done:
        shutil.rmtree(folder)
    try:
        partial.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(partial)
        return RunRecord.load(folder)
    handle = os.open(out, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    return record


def asked(cell: Cell) -> dict[str, Any]:
    """The fields of a record that the request alone decides."""
    return {
        "id": cell.id,
        "experiment": cell.experiment,
        "parts": cell.parts,
        "origins": dict(cell.origins),
        "dataset": str(cell.named),
        "seed": cell.seed,
        "request": cell.request,
    }


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
