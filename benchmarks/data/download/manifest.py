"""What lies in a data set's folder, and where it came from: `manifest.json`."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.data.download.archives import Archive, without_secrets
from zoo.atomic import write_atomically

NAME = "manifest.json"
_BLOCK = 2**20


@dataclass(frozen=True)
class Fetched:
    """An archive that was fetched, and what of it was kept.

    fetched: when, in UTC.
    files: bytes and CRC-32 of each file, by its name below the folder, as the archive lists them.
    """

    url: str
    size: int
    sha256: str
    fetched: str
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Manifest:
    """What was fetched into a folder, by the archive's name."""

    schema: int = 1
    archives: dict[str, Fetched] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """The manifest of a folder; an empty one where there is none.

        Raises:
            ValueError: it cannot be read.
        """
        file = folder / NAME
        try:
            found = msgspec.json.decode(file.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls()
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"cannot read {file} ({error}): move it and what it lists away, and fetch anew") from None
        if found.schema != cls.schema:
            raise ValueError(f"{file} is of schema {found.schema}, and this version knows {cls.schema}: upgrade it")
        return found

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        write_atomically(folder / NAME, msgspec.json.format(msgspec.json.encode(self), indent=1))

    def missing(self, archive: Archive, folder: Path) -> list[str] | None:
        """Which files of an archive are not there in full size; None where it was never fetched."""
        if not (fetched := self.archives.get(archive.name)):
            return None
        return [name for name, (size, _) in fetched.files.items() if _size(folder / name) != size]

    def elsewhere(self, archive: Archive) -> str | None:
        """Another address that an archive came from, where no checksum tells that it is the same; None else."""
        fetched = self.archives.get(archive.name)
        if not fetched or archive.sha256 or fetched.url == without_secrets(archive.url):
            return None
        return fetched.url

    def lacking(self, archives: Sequence[Archive]) -> list[str]:
        """The names of those that were never fetched."""
        return [archive.name for archive in archives if archive.name not in self.archives]

    def problems(self, folder: Path, progress: Any) -> list[str]:
        """Reads every file and says, archive by archive, what is not as it was unpacked, and the remedy."""
        found = []
        for archive, fetched in self.archives.items():
            wrong: dict[str, list[str]] = {}
            for name, (size, crc) in fetched.files.items():
                if what := _problem(folder / name, size, crc):
                    wrong.setdefault(what, []).append(name)
                progress.update()
            for what, names in wrong.items():
                count = f"{len(names):,} of {len(fetched.files):,} files {what}, such as {folder / names[0]}"
                place = folder / (names[0] if names[0].endswith(".json") else names[0].partition("/")[0])
                first = f"move {place} away, and " if place.exists() else ""
                found.append(f"{archive}: {count}: {first}run again without --check")
        return found


def crc32(file: Path) -> str:
    """The checksum that zip archives have of each member, in hexadecimal digits."""
    crc = 0
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return f"{crc:08x}"


def _problem(file: Path, size: int, crc: str) -> str:
    """What is wrong with files such as this, in words; empty where nothing is."""
    try:
        there = _size(file)
        if there == -1:
            return "are missing"
        return "" if there == size and crc32(file) == crc else "are damaged"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else -1
