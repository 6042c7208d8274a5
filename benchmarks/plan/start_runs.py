"""The runs from whose weights cells start."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.records.packed import is_packed
from benchmarks.records.record import FILE, RunRecord, record_files

_SAME = ("backbone", "attention", "decoder", "fingerprint", "seed")  # of a request


def with_start_runs(cells: Sequence[Cell], folder: Path) -> list[Cell]:
    """Each cell with the run that it starts from: of those below `folder`, that of the same parts, data and seed.

    Of these none counts that has itself started from another one, nor a packed model, whose weights are rounded. Where
    `folder` is a run, it is that of all cells, whatever their seeds.

    Raises:
        ValueError: there is none, or more than one.
    """
    files = [file for file in record_files(folder) if file.name == FILE] if folder.is_dir() else []
    found = [(file.parent, RunRecord.load(file)) for file in files]
    runs = [(place, record) for place, record in found if record.done and not _is_ensemble_or_packed(record)]
    if not runs:
        raise ValueError(f"start_from: {folder} holds no finished run")
    single = (folder / FILE).is_file()
    return [_with_start_run(cell, runs, folder, single=single) for cell in cells]


def _with_start_run(cell: Cell, runs: Sequence[tuple[Path, RunRecord]], folder: Path, *, single: bool) -> Cell:
    names = _SAME[:-1] if single else _SAME
    wanted = [cell.request[name] for name in names]
    found = [
        (place, record)
        for place, record in runs
        if [record.request.get(name) for name in names] == wanted
        and record.request["training"].get("min_count") == cell.training.min_count
        and (single or not record.request.get("start_from"))
    ]
    if len(found) != 1:
        several = ", ".join(str(place) for place, _ in found[:3])
        why = f"holds {len(found)} ({several}): name one" if found else "holds none, with the same data and min_count"
        raise ValueError(f"start_from: of the finished runs of {cell}, {folder} {why}")
    ((place, record),) = found
    return replace(cell, start_from=record.id, start_folder=str(place))


def _is_ensemble_or_packed(record: RunRecord) -> bool:
    """Whether it is of no training of its own: an ensemble's, or of weights that were rounded."""
    return bool(record.request.get("ensemble")) or is_packed(record.environment)
