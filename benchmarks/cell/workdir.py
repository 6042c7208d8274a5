"""How a cell's folder gets its name: whole, once, and by one writer."""

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from benchmarks.plan.cell import Cell
from benchmarks.records.record import FILE, BadRecord, RunRecord
from benchmarks.runtime.locks import locked
from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain
from zoo.atomic import sync, sync_tree

_PARTIAL = ".partial"
_OUTPUT = 2**20  # bytes
_LONGEST = 2000  # characters of a reason; error.txt has all of it


@contextmanager
def working_folder(cell: Cell, out: Path) -> Iterator[Path]:
    """An empty folder to work in, hidden from whoever reads records; gone at the end, unless it was published.

    A lock beside it is held until then. The system lets go of it when this process ends, however
    it does: names of hosts and numbers of processes repeat, in containers most of all.
    """
    name = f"{cell.id}-{uuid4().hex[:12]}"
    partial = out / _PARTIAL / name
    partial.parent.mkdir(parents=True, exist_ok=True)
    taken = partial.with_name(f".{name}")
    with FileLock(taken):
        held = taken.rename(partial.with_name(f"{name}.lock"))  # under this name only once it is held
        partial.mkdir()
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            held.unlink(missing_ok=True)


def remove_stale(out: Path) -> None:
    """Remove what killed runs left half done: all that no process holds the lock of, on whatever machine."""
    for held in (out / _PARTIAL).glob("*-*.lock"):
        with suppress(Timeout, OSError), FileLock(held, timeout=0):
            for folder in held.parent.glob(f"{held.stem}*/"):
                shutil.rmtree(folder, ignore_errors=True)
            held.unlink(missing_ok=True)


def finished(folder: Path) -> RunRecord | None:
    """The record of a cell that ran to its end, or None where it failed, never ran, or has one that cannot be read."""
    if not (folder / FILE).exists():
        return None
    try:
        record = RunRecord.load(folder)
    except BadRecord as bad:
        write(f"caption-zoo: {plain(str(bad))}; the cell runs again", sys.stderr)
        return None
    return record if record.done else None


def failed(cell: Cell, reason: str, *, java: str | None = None) -> RunRecord:
    """The record of a cell that did not come to its end; its reason is one line, without folders of this machine."""
    from benchmarks.runtime.environment import environment  # late: it imports torch, and most runs need it not

    reason = plain(_without_folders(" ".join(reason[:_LONGEST].split())))[:_LONGEST]
    return RunRecord(
        **request_fields(cell), status="failed", error=reason, environment=environment(java=java), finished=now()
    )


def keep_output(descriptor: int, partial: Path) -> None:
    """Put the end of what parts have printed into the cell's folder, if they have printed anything."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        return
    if printed := os.pread(descriptor, _OUTPUT, max(0, state.st_size - _OUTPUT)):
        (partial / "output.txt").write_bytes(printed)


def publish(record: RunRecord, partial: Path, out: Path) -> RunRecord:
    """Give `partial`, which holds the record, its name, unless another runner was first."""
    sync_tree(partial)
    folder = out / record.id
    with locked(out / ".lock", f"that writes to {out}"):
        if earlier := finished(folder):
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
