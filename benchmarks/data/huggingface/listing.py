"""The images of a data set with their captions, row by row; images are not read for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.data import Example
from benchmarks.data.formats.rows import Row, caption_texts, split_name
from benchmarks.data.formats.splits import numbers
from benchmarks.data.huggingface.columns import Columns, label, texts
from benchmarks.data.huggingface.pictures import Pictures

_LARGEST = 2**53  # ids below it are whole numbers to every reader of JSON


class Rows(NamedTuple):
    """Some rows of one of the data set's splits, and the split that they are in here, where that is known."""

    part: str
    start: int
    stop: int
    split: str | None


@dataclass(frozen=True)
class TableImage(Example):
    """An image in a row of a table."""

    part: str
    row: int


@dataclass
class Listing:
    """What was found: images by names that are unique over all, what each row says, and what was left out."""

    places: dict[str, tuple[int, str, int, str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    problems: dict[str, tuple[int, str]] = field(default_factory=dict)

    def leave_out(self, kind: str, what: str) -> None:
        """Count a row that cannot be used, and keep the first of its kind."""
        count, first = self.problems.get(kind, (0, what))
        self.problems[kind] = count + 1, first

    def images(self) -> dict[str, TableImage]:
        """Each image with all of its captions, by name."""
        captions: dict[str, list[str]] = {}
        for row in self.rows:
            captions.setdefault(row.name, []).extend(row.captions)
        return {
            name: TableImage(number, tuple(captions[name]), part, row, source=source)
            for name, (number, part, row, source) in self.places.items()
        }

    @property
    def notes(self) -> Iterator[str]:
        """A line for each kind of what was left out."""
        return (f"{count:,} {kind} left out, such as {first}" for kind, (count, first) in self.problems.items())


def list_images(
    parts: Mapping[str, Any], pictures: Mapping[str, Pictures], columns: Columns, chosen: Sequence[Rows]
) -> Listing:
    """The images in the chosen rows; rows of one ID are one image, that of the first.

    Raises:
        ValueError: an ID in two splits, or an image that is not where the table says; the message names the row.
    """
    listing = Listing()
    for rows in chosen:
        features = parts[rows.part].features
        for row, values in _cells(parts[rows.part], columns.texts, rows):
            place = f"{rows.part}, row {row}"
            try:
                size = pictures[rows.part].size(row)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
            try:
                spoken = tuple(_captions(place, columns, values))
            except ValueError as error:
                listing.leave_out("rows whose captions cannot be read", str(error))
                continue
            if size is None or not spoken:
                listing.leave_out(f"rows without {'an image' if size is None else 'a caption'}", place)
                continue
            split = rows.split or _split(place, columns, features, values)
            name, number, source = _identity(rows.part, row, columns, values, pictures[rows.part])
            listing.places.setdefault(name, (number, rows.part, row, source))
            listing.rows.append(Row(place, name, spoken, split))
    _refuse_shared(listing, columns)
    return listing


def _cells(part: Any, names: Sequence[str], rows: Rows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row's number and its values, without the images, some thousands of rows at a time."""
    table = part.select_columns(list(dict.fromkeys(names))).with_format("arrow")[rows.start : rows.stop]
    row = rows.start
    for batch in table.to_batches(max_chunksize=1000):
        for values in batch.to_pylist():
            yield row, values
            row += 1


def _captions(place: str, columns: Columns, values: Mapping[str, Any]) -> Iterator[str]:
    for name in columns.captions:
        yield from caption_texts(place, name, texts(values[name]))


def _split(place: str, columns: Columns, features: Mapping[str, Any], values: Mapping[str, Any]) -> str | None:
    if columns.split is None:
        return None
    return split_name(place, [label(features[columns.split], values[columns.split])])


def _identity(
    part: str, row: int, columns: Columns, values: Mapping[str, Any], pictures: Pictures
) -> tuple[str, int, str]:
    """A row's name, the image's ID, and what people know it by."""
    key, file = values[columns.image_id] if columns.image_id else None, pictures.name(row)
    source = file or f"{part}/{row}"
    if isinstance(key, float) and key.is_integer():
        key = int(key)  # what pandas makes of whole numbers where some are missing
    if isinstance(key, int) and 0 <= key < _LARGEST:
        return str(key), key, source
    name = str(key)[:1024] if key is not None else file if pictures.is_file(row) else f"{part}/{row}"
    return name, numbers(name)[0], str(key)[:200] if key is not None else source


def _refuse_shared(listing: Listing, columns: Columns) -> None:
    splits: dict[str, str | None] = {}
    for row in listing.rows:
        if splits.setdefault(row.name, row.split) != row.split:
            what = f"{columns.image_id} {row.name!r}" if columns.image_id else repr(row.name)
            remedy = ", or, where that counts anew in each split, leave it aside: image_id=''"
            raise ValueError(
                f"{row.place}: {what} is in {row.split} here and in {splits[row.name]} elsewhere, so a model would be "
                f"tested on what it has seen: name splits without it{remedy if columns.image_id else ''}"
            )
    ids: dict[int, str] = {}
    for name, (number, *_) in listing.places.items():
        if (other := ids.setdefault(number, name)) != name:
            raise ValueError(f"{other!r} and {name!r} get one id: rename one of them")
