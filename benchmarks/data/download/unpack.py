"""An archive's own files, checked before and while they are read: nothing else is unpacked, and nowhere else."""

import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.data.download.archives import SPLITS_FILE, Archive
from benchmarks.data.download.manifest import crc32
from benchmarks.runtime.progress import bar
from zoo.atomic import atomic_directory, atomic_file

_MEMBERS = 500_000
_PHOTO, _CAPTIONS = 2**26, 2**29  # bytes that a file may have
_SUM = 2**35  # bytes that all of them may have
_RATIO = 200  # times that a file may grow, beyond the first mebibyte
_BLOCK = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Member(NamedTuple):
    """A file to keep: its bytes, its CRC-32 in hexadecimal digits, and its content, block by block."""

    size: int
    crc: str
    content: Iterable[bytes]


class _Sentence(msgspec.Struct):
    raw: str


class _Image(msgspec.Struct):
    split: str
    filename: str
    sentences: list[_Sentence]


class _Karpathy(msgspec.Struct):
    images: list[_Image]


def unpack(file: Path, archive: Archive, folder: Path, publish: Callable[[Mapping[str, Member]], None]) -> None:
    """Unpack what is kept of an archive into `folder`, all of it or nothing.

    Args:
        publish: is called with what is kept, by names below `folder`, when all of it is written, and before it gets
            these names.

    Raises:
        ValueError: the file is not what it should be; the message says why.
        OSError: the folder cannot be written to.
    """
    with ExitStack() as stack:
        members = _members(file, archive, stack)
        progress = stack.enter_context(bar(len(members), f"unpacking {archive.name}", "file"))
        directory = stack.enter_context(atomic_directory(folder / archive.targets[0])) if archive.is_folder else None
        for name, member in members.items():
            if directory:
                with (directory / Path(name).name).open("wb") as photo:
                    photo.writelines(member.content)
            else:
                stack.enter_context(atomic_file(folder / name)).writelines(member.content)
            progress.update()
        progress.set_description(f"syncing {archive.name}")  # which takes as long again
        publish(members)


def _members(file: Path, archive: Archive, stack: ExitStack) -> dict[str, Member]:
    """What is kept, by its name below the folder; the archive stays open until `stack` ends."""
    if archive.targets == (SPLITS_FILE,) and not zipfile.is_zipfile(file):
        return {SPLITS_FILE: _splits(Member(file.stat().st_size, crc32(file), [file.read_bytes()]))}
    try:
        opened = stack.enter_context(zipfile.ZipFile(file))
    except Exception as error:  # a damaged file may break its reader in any way
        raise ValueError(f"it is no zip archive, or a damaged one ({error})") from None
    found = {
        name: Member(info.file_size, f"{info.CRC:08x}", _content(opened, info))
        for name, info in _listed(opened, archive).items()
    }
    return {SPLITS_FILE: _splits(found[SPLITS_FILE])} if SPLITS_FILE in found else found


def _splits(member: Member) -> Member:
    """Karpathy's splits, which have no checksum that is known where somebody names another address: these are such."""
    content = b"".join(member.content)
    try:
        found = msgspec.json.decode(content, type=_Karpathy)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ValueError(f"there are no splits as Karpathy lays them out ({error}) in {content[:40]!r}") from None
    if not found.images:
        raise ValueError("its splits have no image")
    return member._replace(content=[content])


def _listed(opened: zipfile.ZipFile, archive: Archive) -> dict[str, zipfile.ZipInfo]:
    """What is kept, by its name; an archive with a member that no honest one has is refused altogether."""
    found: dict[str, zipfile.ZipInfo] = {}
    if len(opened.infolist()) > _MEMBERS:
        raise ValueError(f"it has {len(opened.infolist()):,} members, and {_MEMBERS:,} are the most that is read")
    for info in opened.infolist():
        target = archive.target(info.filename)
        if problem := _strange(info) or (target and _unfit(info, _PHOTO if archive.is_folder else _CAPTIONS)):
            raise ValueError(f"its member {info.filename[:80]!r} {problem}")
        if target in found:
            raise ValueError(f"it has {info.filename[:80]!r} twice")
        if target:
            found[target] = info
    for target in archive.targets:
        if not found or not (archive.is_folder or target in found):
            raise ValueError(f"it does not hold {target}")
    if sum(info.file_size for info in found.values()) > _SUM:
        raise ValueError(f"its files have more than {_SUM:,} bytes")
    return found


def _strange(info: zipfile.ZipInfo) -> str:
    """What is wrong with any member, kept or not, in words; empty where nothing is."""
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or ".." in name.split("/") or re.search(r"[\\\0:]", name):
        return "would lie outside of the folder"
    return "is a link or a device" if kind not in (0, stat.S_IFREG, stat.S_IFDIR) else ""


def _unfit(info: zipfile.ZipInfo, limit: int) -> str:
    """Why a member cannot be kept, likewise."""
    if info.flag_bits & 1 or info.compress_type not in _METHODS:
        return "is encrypted, or compressed in a way that COCO's are not"
    if info.file_size > min(limit, 2**20 + _RATIO * info.compress_size):
        return f"has {info.file_size:,} bytes out of {info.compress_size:,}, more than is unpacked"
    return ""


def _content(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    count = 0
    try:
        with opened.open(info) as content:
            while block := content.read(_BLOCK):
                count += len(block)
                yield block
    except Exception as error:  # as above
        raise ValueError(f"its member {info.filename!r} is damaged ({error})") from None
    if count != info.file_size:
        raise ValueError(f"its member {info.filename!r} has {count:,} bytes, and says {info.file_size:,}")
