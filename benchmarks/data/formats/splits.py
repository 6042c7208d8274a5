"""Which split an image of a folder is in: as its file says, or by a hash of its name."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.data.formats.rows import Row

_SHARE = 0.1
_REMEDY = "add images, raise the shares validation and test, or name each image's split in a column split"
_BITS = 53  # as many as a float, or a number in JSON, holds


def numbers(name: str) -> tuple[int, float]:
    """Two that a name has for good: an id below 2**53, and a number in [0, 1) that decides its split."""
    digest = sha256(name.encode()).digest()
    one, other = (int.from_bytes(part) >> (64 - _BITS) for part in (digest[:8], digest[8:16]))
    return one, other / 2**_BITS


def assign(
    rows: Sequence[Row], file: Path | str, validation: float | None, test: float | None, remedy: str = _REMEDY
) -> tuple[dict[str, list[str]], str]:
    """The names with captions in "train", "validation" and "test", and what the test split is called.

    Raises:
        ValueError: shares that leave nothing, a file that contradicts itself, or a split without an image.
    """
    names = sorted({row.name for row in rows if row.captions})
    named, test_split = _named_splits(rows), "test"
    if not named:
        shares = _SHARE if validation is None else validation, _SHARE if test is None else test
        found = _drawn(names, *shares)
    elif validation is not None or test is not None:
        raise ValueError(f"{file} tells each image's split: leave out validation and test, or its column split")
    else:
        _refuse_unassigned(rows, named)
        found = {split: [name for name in names if named[name] == split] for split in ("train", "validation", "test")}
        if not found["test"]:
            test_split, found["test"], found["validation"] = "validation", found["validation"], []
        if not found["validation"]:
            found |= {split: _drawn(found["train"], _SHARE, 0.0)[split] for split in ("train", "validation")}
        remedy = "it needs train and test, or train and validation, and some images in each"
    if empty := [split for split, held in found.items() if not held]:
        raise ValueError(f"{file} has {len(names)} images with captions, and none is in {' or '.join(empty)}: {remedy}")
    return found, test_split


def _drawn(names: Sequence[str], validation: float, test: float) -> dict[str, list[str]]:
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ValueError(
            f"folder(validation={validation}, test={test}): they are shares of the images, more than 0, "
            "and less than 1 together, so that some are left to learn from"
        )
    found: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for name in names:
        place = numbers(name)[1]
        found["test" if place < test else "validation" if place < test + validation else "train"].append(name)
    return found


def _named_splits(rows: Sequence[Row]) -> dict[str, str]:
    """What the file says of each name; once is enough where an image has several rows."""
    named: dict[str, str] = {}
    for row in rows:
        if row.split and named.setdefault(row.name, row.split) != row.split:
            raise ValueError(f"{row.place}: {row.name!r} is in {row.split} here and in {named[row.name]} elsewhere")
    return named


def _refuse_unassigned(rows: Sequence[Row], named: dict[str, str]) -> None:
    for row in rows:
        if row.captions and row.name not in named:
            raise ValueError(f"{row.place}: {row.name!r} has no split, and others have: train, validation or test")
