"""The files below a folder, by name, and which of them a captions file means."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from benchmarks.data import photos


class Listing:
    """Every file below `folder`, by its name as captions spell it; hidden ones are nobody's images.

    Links are followed, also out of the folder, as the Hub's cache has them; a link to a folder that is
    listed anyway, or that holds this one, is not.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.twins: set[str] = set()
        self._by_last: dict[str, list[str]] = defaultdict(list)
        for name, path in _walk(folder):
            if name in self.files:
                self.twins.add(name)
            else:
                self._by_last[name.rpartition("/")[2]].append(name)
            self.files[name] = path

    @property
    def images(self) -> list[str]:
        """The names that end as those of images do."""
        return [name for name in self.files if name.lower().endswith(photos.SUFFIXES)]

    def path(self, name: str) -> Path:
        """Where the file of this name lies, or would lie.

        Raises:
            ValueError: two files have this name.
        """
        if name in self.twins:
            raise ValueError(f"two files called {name!r}, which spell its letters in two Unicode forms: rename one")
        return self.files.get(name, self.folder / name)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return os.path.isfile(self.files.get(name, self.folder / name))  # noqa: PTH113  pathlib may raise

    def find(self, name: str) -> Path | None:
        """The file of this name, or else the only one of this name in any sub-folder; None where there is none.

        Raises:
            ValueError: several may be meant.
        """
        if self.has(name):
            return self.path(name)
        found = [each for each in self._by_last[name.rpartition("/")[2]] if each.endswith(f"/{name}")]
        if len(found) > 1:
            raise ValueError(f"{name!r} may be {found[0]!r} or {found[1]!r}: write the folder too, or keep one of them")
        return self.path(found[0]) if found and self.has(found[0]) else None

    def nearest(self, name: str) -> str:
        """A file that may be meant: of the same name but for its folder, its capitals or its ending."""
        wanted = PurePosixPath(name)
        for alike in (lambda path: path.name.casefold(), lambda path: path.stem.casefold()):
            for other in self.files:
                if alike(PurePosixPath(other)) == alike(wanted):
                    return f" (there is {other!r})"
        return ""


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    listed = [folder]
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and _follow(Path(place), name, listed)]
        for name in files:
            if not name.startswith("."):
                path = Path(place, name)
                yield normalize("NFC", path.relative_to(folder).as_posix()), path


def _follow(place: Path, name: str, listed: list[Path]) -> bool:
    """Whether a folder is to be listed; a link to what is listed, or to what holds it, would have no end."""
    if not (place / name).is_symlink():
        return True
    real, here = Path(os.path.realpath(place / name)), Path(os.path.realpath(place))
    if here.is_relative_to(real) or any(real.is_relative_to(each) or each.is_relative_to(real) for each in listed):
        return False
    listed.append(real)
    return True
