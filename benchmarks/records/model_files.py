"""Whether the files of a trained model are those whose hashes its run's record has."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from benchmarks.records.record import FILE, REQUEST, RunRecord
from zoo.files import CONFIG, WEIGHTS, member_folders

_MODEL = (CONFIG, WEIGHTS, REQUEST)  # of these, what the record has a hash of: an ensemble has no weights of its own


def verify_run(folder: Path, run: str = "") -> RunRecord:
    """The record of the finished run in `folder`, of the id `run` if that is given, once its files have its hashes.

    So have those of its members, which lie beside it, where it is an ensemble's.

    Raises:
        ValueError: there is no such run, it failed, or a file is missing or is not the record's.
    """
    record = _verified(folder, run)
    for member in member_folders(folder, record.request.get("ensemble", {})):
        _verified(member, member.name)
    return record


def _verified(folder: Path, run: str) -> RunRecord:
    record = RunRecord.load(folder / FILE)
    if run and record.id != run:
        raise ValueError(f"the run in {folder} is {record.id}, and not {run}: put that in its place")
    if not record.done:
        raise ValueError(f"the run in {folder} failed: name one that is finished")
    refuse_changed_files(folder, record, _MODEL)
    return record


def refuse_changed_files(folder: Path, record: RunRecord, names: Iterable[str]) -> None:
    """Compare files of a run with the hashes that its record has of them, where it has one.

    Raises:
        ValueError: one cannot be read, or is not the record's.
    """
    for name in (name for name in names if name in record.files):
        try:
            with (folder / name).open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise ValueError(f"{name} of run {str(folder)!r} cannot be read: {error.strerror}") from None
        if found != record.files[name]:
            raise ValueError(
                f"{name} of run {str(folder)!r} is not that of its record: torn, altered or of another run"
            )
