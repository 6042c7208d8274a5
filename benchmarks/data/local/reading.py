"""What the captions files of a folder say of its images, file by file, whatever their form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from benchmarks.data.formats.coco_rows import read_coco_rows
from benchmarks.data.formats.content import NoCaptions, read_text
from benchmarks.data.formats.flickr import split_lists
from benchmarks.data.formats.rows import Row, caption_texts, read_rows
from benchmarks.data.formats.table import is_coco, json_or_none
from benchmarks.data.local.discovery import matching, split_word, text_files
from benchmarks.data.local.listing import Listing


@dataclass(frozen=True)
class Content:
    """Rows, notes on what was left out, and the last names of images with captions that are in no list of a split."""

    rows: list[Row]
    notes: tuple[str, ...] = ()
    unlisted: frozenset[str] = frozenset()


def read_content(listing: Listing, captions: str) -> Content:
    """The rows of the files that `captions` names, or of the text files beside images.

    Raises:
        ValueError: one cannot be read, or none holds a caption; the message names file and row, and says the remedy.
    """
    pattern = captions.endswith(".txt") and "*" in captions and not listing.has(captions)
    if pattern and (texts := text_files(listing, captions)):
        return _beside(listing, texts)
    contents: dict[str, Content] = {}
    empty = []
    for name in (names := matching(listing, captions)):
        try:
            contents[name] = _read(listing, name)
        except NoCaptions:
            empty.append(f"{name} holds no caption and is left out")
            if len(empty) == len(names):
                raise
    splits = _splits(contents)
    rows = [
        row if row.split else replace(row, split=splits[name])
        for name, content in contents.items()
        for row in content.rows
    ]
    rows, clash = _numbered(rows)
    notes = (*empty, *(note for content in contents.values() for note in content.notes), *clash)
    return Content(rows, notes, frozenset().union(*(content.unlisted for content in contents.values())))


def _read(listing: Listing, name: str) -> Content:
    """The rows of one file; names are those below its own folder, where the image lies there."""
    file = listing.path(name)
    content = json_or_none(file)
    rows, notes = read_coco_rows(file, content) if is_coco(content) else (read_rows(file, content), ())
    rows, unlisted = _listed(rows, split_lists(file.parent))
    if unlisted:
        notes += (f"{name}: {len(unlisted):,} images in none of the lists left out, such as {unlisted[0]!r}",)
        if not any(row.captions for row in rows):
            problem = f"none of its images is in the lists of splits beside it, such as {unlisted[0]!r}"
            raise ValueError(f"{file}: {problem}: mend the lists or move them away")
    beside = PurePosixPath(name).parent
    if beside.parts and not beside.is_absolute() and ".." not in beside.parts:
        rows = [
            replace(row, name=f"{beside}/{row.name}") if listing.has(f"{beside}/{row.name}") else row for row in rows
        ]
    return Content(rows, notes, frozenset(PurePosixPath(each).name for each in unlisted))


def _listed(rows: list[Row], lists: Mapping[str, str]) -> tuple[list[Row], list[str]]:
    """The rows that have a split or get that of their image in the lists; and the images with captions that have none.

    The lists call an image by its last name, whatever folders a row names.
    """
    if not lists:
        return rows, []
    splits = [row.split or lists.get(row.name) or lists.get(PurePosixPath(row.name).name) for row in rows]
    unlisted = {row.name for row, split in zip(rows, splits, strict=True) if row.captions and not split}
    return [replace(row, split=split) for row, split in zip(rows, splits, strict=True) if split], sorted(unlisted)


def _beside(listing: Listing, texts: Mapping[str, str]) -> Content:
    """A caption in each line of the text file beside an image; folders say the splits."""
    splits = _splits(str(PurePosixPath(name).parent) for name in texts)
    owners: dict[str, str] = {}
    rows = []
    for name, text in texts.items():
        file = listing.path(text)
        if (other := owners.setdefault(text, name)) != name:
            raise ValueError(f"{file} lies beside two images, {other!r} and {name!r}: keep one, or rename it")
        captions = caption_texts(f"{file}", "a line", read_text(file).split("\n"))
        rows.append(Row(f"{file}", name, tuple(captions), splits[str(PurePosixPath(name).parent)]))
    if not any(row.captions for row in rows):
        raise ValueError(f"{listing.folder} has text beside images, and no caption in it")
    return Content(rows)


def _splits(names: Iterable[str]) -> dict[str, str | None]:
    """The split that each name says, where they say more than one: a single one divides nothing."""
    splits = {name: split_word(name) for name in names}
    return splits if len(set(splits.values()) - {None}) > 1 else dict.fromkeys(splits)


def _numbered(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Without the files' own ids, where two images have one, as where each file counts from 1."""
    names: dict[int, str] = {}
    for row in rows:
        if row.number is not None and (other := names.setdefault(row.number, row.name)) != row.name:
            note = f"id {row.number} is that of {other!r} and of {row.name!r}: ids are made of the names"
            return [replace(row, number=None) for row in rows], (note,)
    return rows, ()
