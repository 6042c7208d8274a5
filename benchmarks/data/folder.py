"""Images of one's own: a folder, and what says what they show: a file, several, or one beside each image."""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from benchmarks.data import DATASETS, Dataset, Example, Prediction, photos
from benchmarks.data.formats.rows import Row
from benchmarks.data.formats.splits import assign, numbers
from benchmarks.data.local.discovery import find_captions
from benchmarks.data.local.listing import Listing
from benchmarks.data.local.reading import read_content
from benchmarks.data.photos import Photo

if TYPE_CHECKING:
    from PIL import Image


@DATASETS.register("folder")
class Folder(Dataset):
    """Images in a folder, with their captions in a CSV or JSON file, in the form of a data set, or in text files.

    The forms are COCO's, Karpathy's, Flickr's, Kaggle's, TextCaps', metadata of the Hub in each
    folder, and a .txt beside each image; what lies there says which. A row names a file below
    `root` and a caption of it; several captions of an image are several rows, several columns, or
    a list. Which split an image is in, a hash of its name decides, so that more images never move
    one; or else the files say train, validation or test. Where they have no validation, about a
    tenth of training chooses the epoch, by the same hash; where they have no test, their
    validation images are the test split.

    Options:
        root: folder that holds the images, in sub-folders too.
        captions: the captions file, as seen from `root`, or a pattern for several, such as
            ``*/metadata.csv``, or ``*.txt`` for those beside images; by default what is there.
        validation, test: shares of the images, a tenth each by default; not where
            the files say the splits.
        allows_hflip: whether a mirrored image keeps its captions. False where they say left
            and right, or what is written.
    """

    name, synthetic = "folder", False
    location: tuple[str, ...] = ("root",)
    train: list[Photo]
    validation: list[Photo]
    test: list[Photo]

    def __init__(
        self,
        *,
        root: str,
        captions: str | None = None,
        validation: float | None = None,
        test: float | None = None,
        allows_hflip: bool = True,
    ) -> None:
        expand = os.path.expanduser  # pathlib's raises where ~ leads nowhere
        self.folder = folder = Path(os.path.realpath(expand(root.replace("\0", "?"))))
        if not folder.is_dir():
            raise ValueError(f"no folder {root!r}: say where the images lie with --dataset \"folder(root='...')\"")
        listing = Listing(folder)
        captions = expand(captions) if captions else find_captions(listing)
        beside = PurePosixPath(captions)
        if beside.is_absolute() or ".." in beside.parts:
            self.location = ("root", "captions")
        self.allows_hflip = allows_hflip
        content = read_content(listing, captions)
        found = _photos(listing, content.rows)
        names, self.split = assign(content.rows, folder / beside, validation, test)
        self.train, self.validation, self.test = ([found[name] for name in part] for part in names.values())
        self.fingerprint = photos.fingerprint(self.train, self.validation, self.test)
        self.notes = (*content.notes, *_uncaptioned(listing, found, content.unlisted, root))

    def load(self, example: Example) -> "Image.Image":
        """The photograph, decoded in full."""
        return photos.read(example, self.folder)

    def files(self) -> str:
        """The size of every file: a mended image has another."""
        return photos.sizes(self.train, self.validation, self.test)

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _photos(listing: Listing, rows: Sequence[Row]) -> dict[str, Photo]:
    """Each image that has captions, by name; every file there, under one name and one id."""
    captions: dict[str, list[str]] = {}
    first: dict[str, Row] = {}
    for row in rows:
        if row.captions:
            captions.setdefault(row.name, []).extend(row.captions)
            first.setdefault(row.name, row)
    located = {name: _located(listing, row) for name, row in first.items()}
    files = {name: file for name, file in located.items() if file is not None}
    missing = [name for name in located if name not in files]
    if missing:
        raise ValueError(
            f"{first[missing[0]].place}: no image {missing[0]!r} in {listing.folder}{listing.nearest(missing[0])}; "
            f"{len(missing)} of {len(captions)} images with captions are missing. Names are relative to root, "
            "and capitals count"
        )
    owners: dict[int | str, str] = {}
    found = {}
    for name, file in files.items():
        row, real = first[name], os.path.realpath(file)
        number = numbers(name)[0] if row.number is None else row.number
        # Outside, as in the Hub's cache, one file may stand for several pictures that are alike.
        place = real if Path(real).is_relative_to(listing.folder) else str(file)
        for key, what in ((place, "are one file: name it once"), (number, "get one id: rename one of them")):
            if owners.setdefault(key, name) != name:
                raise ValueError(f"{row.place}: {owners[key]!r} and {name!r} {what}")
        found[name] = Photo(number, tuple(captions[name]), file, source=name)
    return found


def _located(listing: Listing, row: Row) -> Path | None:
    try:
        return listing.find(row.name)
    except ValueError as error:
        raise ValueError(f"{row.place}: {error}") from None


def _uncaptioned(listing: Listing, found: Mapping[str, Photo], unlisted: Set[str], root: str) -> Iterator[str]:
    """A line on the images without a caption; those that are in no list have a line already."""
    captioned = {photo.file for photo in found.values()}
    silent = sorted(
        name
        for name in listing.images
        if listing.files[name] not in captioned and name.rpartition("/")[2] not in unlisted
    )
    if silent:
        yield f"{len(silent)} images of {root} have no caption and are left out, such as {silent[0]!r}"
