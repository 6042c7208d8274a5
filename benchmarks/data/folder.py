"""Images of one's own: a folder, and one file that says what they show."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from unicodedata import normalize

from benchmarks.data import DATASETS, Dataset, Example, Prediction, photos
from benchmarks.data.formats.rows import Row, read_rows
from benchmarks.data.formats.splits import assign, numbers
from benchmarks.data.formats.table import SUFFIXES
from benchmarks.data.photos import Photo

if TYPE_CHECKING:
    from PIL import Image


@DATASETS.register("folder")
class Folder(Dataset):
    """Images of your own, with their captions in one CSV or JSON file.

    A row names a file below `root` and a caption of it; several captions of an image are
    several rows, several columns, or a list. Which split an image is in, a hash of its name
    decides, so that more images never move one; or else a column ``split`` says train,
    validation or test. Where that has no validation, about a tenth of training chooses the
    epoch, by the same hash; where it has no test, its validation images are the test split.

    Options:
        root: folder that holds the images, in sub-folders too.
        captions: the captions file, as seen from `root`; by default the only one there that
            ends in .csv, .json, .jsonl or .tsv.
        validation, test: shares of the images, a tenth each by default; not where
            the file has a column ``split``.
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
        beside = PurePosixPath(expand(captions or _captions_file(folder)))
        away = beside.is_absolute() or ".." in beside.parts
        if away:
            self.location = ("root", "captions")
        self.allows_hflip = allows_hflip
        file = folder / beside
        rows = read_rows(file)
        listed = dict(everything := list(_listed(folder)))
        found = _photos(folder, rows, listed)
        if alike := [name for name, path in everything if name in found and listed[name] != path]:
            raise ValueError(
                f"{root} has two files called {alike[0]!r}, which spell its letters in two Unicode forms: rename one"
            )
        names, self.split = assign(rows, file, validation, test)
        self.train, self.validation, self.test = ([found[name] for name in part] for part in names.values())
        self.fingerprint = photos.fingerprint(self.train, self.validation, self.test)
        silent = sorted(name for name in listed.keys() - found.keys() if name.lower().endswith(photos.SUFFIXES))
        if silent:
            self.notes = (f"{len(silent)} images of {root} have no caption and are left out, such as {silent[0]!r}",)

    def load(self, example: Example) -> "Image.Image":
        """The photograph, decoded in full."""
        return photos.read(example, self.folder)

    def files(self) -> str:
        """The size of every file: a mended image has another."""
        return photos.sizes(self.train, self.validation, self.test)

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _captions_file(folder: Path) -> str:
    found = sorted(
        path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if len(found) != 1:
        has = f"several captions files, {', '.join(found)}" if found else f"no file that ends in {', '.join(SUFFIXES)}"
        raise ValueError(f"{folder} has {has}: say which one holds the captions with captions='...'")
    return found[0]


def _listed(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder`, by its name as captions spell it; hidden ones are nobody's images."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                path = Path(place, name)
                yield normalize("NFC", path.relative_to(folder).as_posix()), path


def _photos(folder: Path, rows: Sequence[Row], listed: Mapping[str, Path]) -> dict[str, Photo]:
    """Each image that has captions, by name; every file there, inside the folder and under one name and one id."""
    captions: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for row in rows:
        if row.captions:
            captions.setdefault(row.name, []).extend(row.captions)
            places.setdefault(row.name, row.place)
    files = {name: listed.get(name, folder / name) for name in captions}
    missing = [name for name, file in files.items() if not os.path.isfile(file)]  # noqa: PTH113  pathlib may raise
    if missing:
        raise ValueError(
            f"{places[missing[0]]}: no image {missing[0]!r} in {folder}{_nearest(missing[0], listed)}; "
            f"{len(missing)} of {len(captions)} images with captions are missing. Names are relative to root, "
            "and capitals count"
        )
    owners: dict[int | str, str] = {}
    found = {}
    for name, file in files.items():
        number, real = numbers(name)[0], os.path.realpath(file)
        if not Path(real).is_relative_to(folder):
            raise ValueError(f"{places[name]}: {name!r} is a link that leads out of the folder: copy the image into it")
        for key, what in ((real, "are one file: name it once"), (number, "get one id: rename one of them")):
            if owners.setdefault(key, name) != name:
                raise ValueError(f"{places[name]}: {owners[key]!r} and {name!r} {what}")
        found[name] = Photo(number, tuple(captions[name]), file, source=name)
    return found


def _nearest(name: str, listed: Mapping[str, Path]) -> str:
    """A file that may be meant: of the same name but for its folder, its capitals or its ending."""
    wanted = PurePosixPath(name)
    for alike in (lambda path: path.name.casefold(), lambda path: path.stem.casefold()):
        for other in listed:
            if alike(PurePosixPath(other)) == alike(wanted):
                return f" (there is {other!r})"
    return ""
