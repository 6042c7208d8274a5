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

from benchmarks.plan.cell import Cell
from benchmarks.records.outcome import Outcome
from benchmarks.records.record import FILE, BadRecord, RunRecord, TornRecord
from benchmarks.records.tail import Tail, damage, read_tail
from benchmarks.runtime.leases import Leases
from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain
from zoo.atomic import publish as give_name
from zoo.atomic import sync_tree
from zoo.partial import remove_abandoned

_PARTIAL, _CHECKPOINTS, _CONFLICTS = ".partial", ".checkpoints", ".conflicts"
_REPLACED = "-replaced"
_OUTPUT = 2**20  # bytes
_LONGEST = 2000  # characters of a reason; error.txt has all of it


@contextmanager
def working_folder(cell: Cell, out: Path) -> Iterator[Path]:
    """An empty folder to work in, hidden from whoever reads records; gone at the end, unless it was published.

    The caller holds the lease on the cell, so that nobody takes the folder for one that a killed process has left.
    """
    partial = out / _PARTIAL / f"{cell.id}-{uuid4().hex[:12]}"
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def checkpoint_folder(cell: Cell, out: Path) -> Path:
    """Where the states of the cell's training lie, whoever runs it."""
    return out / _CHECKPOINTS / cell.id


def remove_checkpoints(cell: Cell, out: Path) -> None:
    """Of a cell that is done."""
    shutil.rmtree(checkpoint_folder(cell, out), ignore_errors=True)


def remove_stale(out: Path, leases: Leases) -> None:
    """Remove what killed processes have left half done: partial names, and folders of cells that nobody runs."""
    for name in leases.names() | {folder.name.partition("-")[0] for folder in (out / _PARTIAL).glob("*-*")}:
        with leases.taken(name) as lease:  # by which the lease of a dead process goes too
            for folder in (out / _PARTIAL).glob(f"{name}-*") if lease else ():
                _remove(folder, out)
    remove_abandoned(out)


def remove_leftovers(cell: Cell, out: Path) -> None:
    """Remove what killed processes have left of this cell, on which the caller holds the lease; but no checkpoint."""
    for folder in (out / _PARTIAL).glob(f"{cell.id}-*"):
        _remove(folder, out)
    remove_abandoned(checkpoint_folder(cell, out))


def _remove(folder: Path, out: Path) -> None:
    """Remove a working folder; one that holds a published run gets its name back, see `publish`."""
    if folder.name.endswith(_REPLACED) and (record := finished(folder, folder.name.partition("-")[0])):
        publish(record, folder, out)
    shutil.rmtree(folder, ignore_errors=True)


def finished(folder: Path, name: str = "") -> RunRecord | None:
    """The record of a cell that ran to its end, or None where it failed, never ran, or is damaged.

    `name` is the cell's ID where the folder is not called so.

    Raises:
        BadRecord: there is a record of another schema, or the disk does not give it.
    """
    try:
        record = RunRecord.load(folder / FILE)  # by its file, since the folder may be gone by then
    except TornRecord as torn:
        write(f"caption-zoo: {plain(str(torn))}; it does not count as finished", sys.stderr)
        return None
    except BadRecord as bad:
        if isinstance(bad.__context__, FileNotFoundError):
            return None
        raise
    return record if record.done and _is_whole(folder, name) else None


def finished_tail(folder: Path) -> Tail | RunRecord | None:
    """The same, or what the end of the record says, which is quicker: of it no more is read than must be.

    Raises:
        BadRecord: as `finished`.
    """
    tail = read_tail(folder)
    if tail is None:
        return finished(folder)
    return tail if tail.done and _is_whole(folder) else None


def _is_whole(folder: Path, name: str = "") -> bool:
    """Whether nothing is seen to be missing of a run's files."""
    if why := damage(folder, name):
        write(f"caption-zoo: {folder}: {plain(why)}; it does not count as finished", sys.stderr)
    return not why


def failed(cell: Cell, reason: str, outcome: Outcome, *, java: str | None = None) -> RunRecord:
    """The record of a cell that did not come to its end; its reason is one line, without folders of this machine."""
    from benchmarks.runtime.environment import environment  # late: it imports torch, and most runs need it not

    reason = plain(_without_folders(" ".join(reason[:_LONGEST].split())))[:_LONGEST]
    return RunRecord(
        **request_fields(cell),
        status="failed",
        outcome=outcome,
        error=reason,
        environment=environment(java=java),
        finished=now(),
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
    """Give `partial`, which holds the record, its name, unless a run that is done has it.

    No lock is needed: a folder is renamed in one step, and never to a name that is taken. Whoever
    moves a failed run out of the way looks at what it has moved, for another one may just have come.
    """
    sync_tree(partial)
    folder, replaced = out / record.id, partial.with_name(f"{partial.name}{_REPLACED}")
    while not give_name(partial, folder):
        if earlier := finished(folder):
            return _second(earlier, record, partial, out)
        with suppress(FileNotFoundError):
            folder.rename(replaced)
            if moved := finished(replaced, record.id):
                publish(moved, replaced, out)
            shutil.rmtree(replaced, ignore_errors=True)
    return record


def _second(kept: RunRecord, other: RunRecord, folder: Path, out: Path) -> RunRecord:
    """The one of two runs that was published first; a warning names the other one, and keeps it, where it differs."""
    if other.done and (kept.captions, kept.scores) != (other.captions, other.scores):
        aside = out / _CONFLICTS / folder.name
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
        write(f"caption-zoo: warning: {kept.id} was run twice, with two results: the other is in {aside}", sys.stderr)
    return kept


def request_fields(cell: Cell) -> dict[str, Any]:
    """The fields of a record that the request alone decides, and which of its options names a teacher."""
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
        "teacher": {cell.teacher.option: cell.teacher.run} if cell.teacher else {},
    }


def _without_folders(text: str) -> str:
    """`text` with paths below the working folder relative to it, and of others their last name."""
    text = text.replace(f"{Path.cwd()}{os.sep}", "")
    return re.sub(r"(?<![\w.:/])/(?:[^\s/'\"]+/)+", "", text)


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
