"""Whether the files of a trained model are those whose hashes its run's record has."""

import hashlib
from pathlib import Path

from benchmarks.records.record import FILE, REQUEST, RunRecord
from zoo.files import CONFIG, WEIGHTS

_MODEL = (CONFIG, WEIGHTS, REQUEST)  # of these, what the record has a hash of: an ensemble has no weights of its own


def verify_run(folder: Path, run: str = "") -> RunRecord:
    """The record of the finished run in `folder`, of the id `run` if that is given, once its files have its hashes.

    So have those of its members, which lie beside it, where it is an ensemble's.

    Raises:
        ValueError: there is no such run, it failed, or a file is missing or is not the record's.
    """
    record = _verified(folder, run)
    beside = folder.absolute().parent
    for member in record.request.get("ensemble", {}).values():
        if not (beside / member / FILE).is_file():
            raise ValueError(f"the run in {folder} is an ensemble, and its member {member} does not lie in {beside}")
        _verified(beside / member, member)
    return record


def _verified(folder: Path, run: str) -> RunRecord:
    record = RunRecord.load(folder / FILE)
    if run and record.id != run:
        raise ValueError(f"the run in {folder} is {record.id}, and not {run}: put that in its place")
    if not record.done:
        raise ValueError(f"the run in {folder} failed: name one that is finished")
    for name in _MODEL:
        if name in record.files and _sha256(folder / name) != record.files[name]:
            raise ValueError(f"the run in {folder} was changed: its {name} has another sha256 than its record says")
    return record


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
