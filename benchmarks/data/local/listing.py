"""The files below a folder, by name, and which of them a captions file means."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from benchmarks.data import photos


class Listing:
    """Every file below `folder`, by its name as captions spell it; hidden ones are nobody's images.

    Links are followed, also out of the folder, as the Hub's cache has them; a link to a folder that holds
    this one is not. A folder that has several names is listed once, on every machine by the same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.twins: set[str] = set()
        self._by_ending: dict[int, dict[str, list[str]]] = {}
        for name, path in _walk(folder):
            if name in self.files:
                self.twins.add(name)
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
        found = self._ending(name.count("/") + 1).get(name, ())
        if len(found) > 1:
            raise ValueError(f"{name!r} may be {found[0]!r} or {found[1]!r}: write the folder too, or keep one of them")
        return self.path(found[0]) if found and self.has(found[0]) else None

    def _ending(self, parts: int) -> dict[str, list[str]]:
        """What lies in sub-folders, by the last so many parts of its name: many folders may hold one last name."""
        if parts not in self._by_ending:
            found = self._by_ending[parts] = defaultdict(list)
            for name in self.files:
                _, *ending = name.rsplit("/", parts)
                if len(ending) == parts:
                    found["/".join(ending)].append(name)
        return self._by_ending[parts]

    def nearest(self, name: str) -> str:
        """A file that may be meant: of the same name but for its folder, its capitals or its ending."""
        wanted = PurePosixPath(name)
        for alike in (lambda path: path.name.casefold(), lambda path: path.stem.casefold()):
            for other in self.files:
                if alike(PurePosixPath(other)) == alike(wanted):
                    return f" (there is {other!r})"
        return ""


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each real folder once, whatever the file system's order: by its own name, or that of a link."""
    top = os.path.realpath(folder)
    starts, listed = [(folder, top)], set[str]()
    for start, real in starts:  # which grows by the links that are found
        for place, folders, files in os.walk(start):
            here = real + place[len(str(start)) :]
            if here in listed:
                folders.clear()
                continue
            listed.add(here)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links = [link for name in folders if (link := Path(place, name)).is_symlink()]  # os.walk enters none
            starts += [(link, target) for link in links if not _holds(target := os.path.realpath(link), here, top)]
            for name in sorted(files):
                if not name.startswith("."):
                    path = Path(place, name)
                    yield normalize("NFC", path.relative_to(folder).as_posix()), path


def _holds(target: str, *folders: str) -> bool:
    """Whether a folder is or holds one of these: a link from there to it would have no end."""
    return any(Path(folder).is_relative_to(target) for folder in folders)
