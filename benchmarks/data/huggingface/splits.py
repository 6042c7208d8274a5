"""Which rows are for training, validation and test: as named, as the data set's own splits are called, or not said."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from benchmarks.data.formats.rows import split_name
from benchmarks.data.huggingface.listing import Rows

_TRAIN = ("restval", "training")  # what else stands for training


def choose(lengths: Mapping[str, int], named: Mapping[str, str | None]) -> tuple[list[Rows], list[str]]:
    """The rows to use, and the data set's splits that none of them is from.

    lengths: rows of each of the data set's splits.
    named: for "train", "validation" and "test" the splits that are meant, as ``train[:5000]+extra``, or None where
    the data set's own of that name is. Where they come to a single one, its rows have no split yet.

    Raises:
        ValueError: a split that is not there, none that is meant, or rows in two.
    """
    found = {split: list(_rows(lengths, split, spelled)) for split, spelled in named.items()}
    chosen = [rows for parts in found.values() for rows in parts]
    if not chosen and len(lengths) == 1:
        chosen = [Rows(part, 0, length, None) for part, length in lengths.items()]
    if not chosen:
        listed = ", ".join(map(repr, lengths))
        raise ValueError(f"its splits are {listed}: say which are meant with train='...', validation='...', test='...'")
    _refuse_overlap(chosen)
    if sum(map(bool, found.values())) == 1:
        chosen = [rows._replace(split=None) for rows in chosen]
    return chosen, [part for part in lengths if part not in {rows.part for rows in chosen}]


def _rows(lengths: Mapping[str, int], split: str, spelled: str | None) -> list[Rows]:
    if spelled is None:
        return [Rows(part, 0, length, split) for part, length in lengths.items() if _meaning(part) == split]
    from datasets import ReadInstruction

    try:
        parts: list[Any] = ReadInstruction.from_spec(spelled).to_absolute(dict(lengths))
    except (ValueError, AssertionError) as error:
        known = ", ".join(map(repr, lengths))
        raise ValueError(f"{split}={spelled!r}: {' '.join(str(error).split())}. Its splits are {known}") from None
    return [Rows(part.splitname, part.from_, max(part.from_, part.to), split) for part in parts]


def _meaning(part: str) -> str | None:
    try:
        return "train" if part.lower() in _TRAIN else split_name("", [part])
    except ValueError:
        return None


def _refuse_overlap(chosen: list[Rows]) -> None:
    for one, other in pairwise(sorted(chosen, key=lambda rows: (rows.part, rows.start))):
        if one.part == other.part and other.start < one.stop:
            where = f"{one.part}[{other.start}:{min(one.stop, other.stop)}]"
            raise ValueError(f"rows {where} are in {one.split} and in {other.split}: name splits that share none")
