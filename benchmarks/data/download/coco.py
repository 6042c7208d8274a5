"""COCO, fetched into the layout that the data set `coco` reads."""

import errno
import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.data.download.archives import Archive, without_secrets
from benchmarks.data.download.connection import Resource
from benchmarks.data.download.fetch import discard, fetch, size
from benchmarks.data.download.manifest import Fetched, Manifest
from benchmarks.data.download.unpack import Member, unpack
from benchmarks.runtime.locks import locked
from benchmarks.runtime.progress import bar, write
from zoo.atomic import sync
from zoo.partial import remove_abandoned

_UNKNOWN = 2**28  # bytes that an archive of unknown size may have


def to_fetch(archives: Sequence[Archive], folder: Path) -> list[Archive]:
    """Those of the archives that are not in `folder` yet.

    Raises:
        ValueError: files of theirs lie there that the manifest does not list, or not all that it lists, or from
            another address.
    """
    manifest, wanted = Manifest.load(folder), []
    for archive in archives:
        missing, elsewhere = manifest.missing(archive, folder), manifest.elsewhere(archive)
        if missing == [] and not elsewhere:
            continue
        for target in archive.targets:
            place = folder / target
            there = any(place.iterdir()) if place.is_dir() else place.exists()
            if there and missing is None:
                raise ValueError(
                    f"{place} is there, and no manifest tells what it is: move it away, or name another folder"
                )
            if there and elsewhere:
                address = without_secrets(archive.url)
                raise ValueError(
                    f"{place} is from {elsewhere}, not from {address}: move it away, or name another folder"
                )
            if there and archive.is_folder:
                raise ValueError(
                    f"{place} lacks {len(missing or ()):,} of its files: move it away, and it is fetched anew"
                )
        wanted.append(archive)
    return wanted


def part_of(archive: Archive, folder: Path) -> Path:
    """Where an archive lies while it is fetched."""
    return folder / f"{archive.name}.part"


def room(archives: Sequence[Archive], folder: Path) -> tuple[int, int, int]:
    """Bytes that are needed to fetch them one after another, of these for an archive, and for all that is unpacked."""
    unpacked, needed, largest = 0, 0, 0
    for archive in archives:
        there = max(size(part_of(archive, folder)), size(folder / archive.name))
        rest = max((archive.size or _UNKNOWN) - there, 0)
        unpacked += archive.room
        needed, largest = max((needed, largest), (unpacked + rest, rest))
    return needed, largest, unpacked


def free_bytes(folder: Path) -> int:
    """What the file system of a folder has left for its user."""
    return shutil.disk_usage(folder).free


def _refuse_full_disk(archives: Sequence[Archive], folder: Path) -> None:
    needed, largest, unpacked = room(archives, folder)
    free = free_bytes(folder)
    if needed > free:
        raise ValueError(
            f"{folder} has {free / 1e9:.1f} GB free: an archive takes {largest / 1e9:.1f} GB, and "
            f"what is unpacked {unpacked / 1e9:.1f} GB: free some, or name another folder"
        )


def fetch_coco(archives: Sequence[Archive], folder: Path, hosts: Sequence[str] = ()) -> None:
    """Fetch, verify and unpack what is not there yet; what is done stays done, whatever comes.

    Args:
        hosts: where servers may redirect to.

    Raises:
        ValueError: something is not what it should be.
        OSError: a server cannot be reached, or the folder not be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".fetching.lock", f"that fetches into {folder}"):
        for place in (folder, folder / "annotations"):
            remove_abandoned(place)
        wanted = to_fetch(archives, folder)
        _refuse_full_disk(wanted, folder)
        for archive in archives:
            if archive in wanted:
                _fetch_archive(archive, folder, frozenset(hosts))
            elif not _left_behind(archive, folder):
                continue
            (folder / archive.name).unlink(missing_ok=True)
            discard(part_of(archive, folder))


def _left_behind(archive: Archive, folder: Path) -> bool:
    """Whether a process that was killed after unpacking it has left this archive, and not somebody another file."""
    file, fetched = folder / archive.name, Manifest.load(folder).archives.get(archive.name)
    if file.is_file():
        return fetched is not None and _digest(file) == fetched.sha256
    return not file.exists()


def _fetch_archive(archive: Archive, folder: Path, hosts: frozenset[str]) -> None:
    file, part = folder / archive.name, part_of(archive, folder)
    manifest = Manifest.load(folder)
    earlier = None if manifest.elsewhere(archive) else manifest.archives.get(archive.name)
    expected = archive.sha256 or (earlier.sha256 if earlier else None)
    if not file.exists():
        digest = _fetch_verified(archive, part, hosts, expected)
        sync(part)
        part.replace(file)
        sync(folder)
    elif expected not in (None, digest := _digest(file)):
        raise ValueError(f"{file} is another file, of SHA-256 {digest}, not {expected}: remove it, and it is fetched")

    def publish(members: Mapping[str, Member]) -> None:
        files = {name: (member.size, member.crc) for name, member in members.items()}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = Fetched(without_secrets(archive.url), size(file), digest, now, files)
        others = {
            name: other for name, other in Manifest.load(folder).archives.items() if not other.files.keys() & files
        }
        Manifest(archives={**others, archive.name: entry}).save(folder)

    try:
        unpack(file, archive, folder, publish)
    except ValueError as error:
        if archive.sha256 is None:  # or it is right, and the folder is not
            file.unlink()
        raise ValueError(f"{without_secrets(archive.url)} cannot be unpacked: {error}") from None


def _fetch_verified(archive: Archive, part: Path, hosts: frozenset[str], expected: str | None) -> str:
    """Fetch the whole archive into `part` and return its SHA-256; once more where pieces do not fit together."""
    resource = Resource(archive.url, archive.size, archive.size or _UNKNOWN, hosts, verified=archive.sha256 is not None)
    for last in (False, True):
        with bar(archive.size, archive.name, "B") as progress, _naming(part):
            progress.unit_scale = True
            at_once = fetch(resource, part, progress)
        digest = _digest(part)
        if expected in (None, digest):
            break
        discard(part)
        if at_once or last:
            raise ValueError(f"{resource} is another file: it has SHA-256 {digest}, and should have {expected}")
        write(f"the pieces of {part} do not fit together: fetching it anew", sys.stderr)
    return digest


@contextmanager
def _naming(part: Path) -> Iterator[None]:
    """Say which file there was no room for."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) and not error.filename:
            raise OSError(error.errno, error.strerror, str(part)) from None
        raise


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
