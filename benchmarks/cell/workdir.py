"""How a cell's folder gets its name: whole, once, and by one writer."""

import os
import re
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock

from benchmarks.plan.cell import Cell
from benchmarks.records.record import FILE, RunRecord, TornRecord
from benchmarks.runtime.locks import locked
from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain
from zoo.atomic import sync, sync_tree

_PARTIAL, _CHECKPOINTS = ".partial", ".checkpoints"
_OLD = 7 * 24 * 3600.0  # seconds
_OUTPUT = 2**20  # bytes
_LONGEST = 2000  # characters of a reason; error.txt has all of it


@contextmanager
def working_folder(cell: Cell, out: Path) -> Iterator[Path]:
    """An empty folder to work in, hidden from whoever reads records; gone at the end, unless it was published.

    A lock beside it is held until then, where the file system has locks. The system lets go of it
    when this process ends, however it does: numbers of processes repeat, in containers most of all.
    """
    name = f"{cell.id}-{socket.gethostname()}-{uuid4().hex[:12]}"
    partial = out / _PARTIAL / name
    partial.parent.mkdir(parents=True, exist_ok=True)
    taken, held = partial.with_name(f".{name}"), partial.with_name(f"{name}.lock")
    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):  # without locks nobody can know that it is left over
            stack.enter_context(FileLock(taken, fallback_to_soft=False))
            taken.rename(held)  # under this name only once it is held
        partial.mkdir()
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            for lock in (taken, held):
                lock.unlink(missing_ok=True)


def checkpoint_folder(cell: Cell, out: Path) -> Path:
    """Where the states of the cell's training lie, whoever runs it."""
    return out / _CHECKPOINTS / cell.id


def remove_checkpoints(cell: Cell, out: Path) -> None:
    """Of a cell that is done."""
    folder = checkpoint_folder(cell, out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


def remove_stale(out: Path) -> None:
    """Remove what killed runs left half done: where the lock is free, and of other machines where it is old too."""
    for held in (out / _PARTIAL).glob("*-*.lock"):
        mine = held.stem.partition("-")[2].rpartition("-")[0] == socket.gethostname()
        with suppress(OSError, NotImplementedError):
            if not mine and time.time() - held.stat().st_mtime < _OLD:
                continue
            with FileLock(held, timeout=0, fallback_to_soft=False):
                for folder in held.parent.glob(f"{held.stem}*/"):
                    shutil.rmtree(folder, ignore_errors=True)
                held.unlink(missing_ok=True)


def finished(folder: Path) -> RunRecord | None:
    """The record of a cell that ran to its end, or None where it failed, never ran, or has one that is damaged.

    Raises:
        BadRecord: there is a record of another schema, or the disk does not give it.
    """
    if not (folder / FILE).exists():
        return None
    try:
        record = RunRecord.load(folder)
    except TornRecord as torn:
        write(f"caption-zoo: {plain(str(torn))}; the cell runs again", sys.stderr)
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
        replaced = partial.with_name(f"{partial.name}-replaced")
        if folder.exists():
            folder.rename(replaced)  # in one step, so that no kill leaves half of it behind
        partial.rename(folder)
        shutil.rmtree(replaced, ignore_errors=True)  # last: the new one is worth more
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
