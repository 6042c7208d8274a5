"""The members of a tar file, header by header.

Headers are parsed by `tarfile.TarInfo.frombuf`. What follows from them is checked here: `tarfile.open` takes their word
for sizes, so that one of them may let it read all of a file as a name, or go in circles.
"""

import tarfile
from collections.abc import Iterator
from typing import IO, NamedTuple

BLOCK = 512
_MEMBERS = 4_000_000
_NAME, _FIELDS = 2**12, 2**18  # bytes of a long name, and of a header's further fields
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EMPTY = (tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")  # gzip, zstd, bzip2, xz


class TarMember(NamedTuple):
    """A member of a tar file.

    kind: "file", "folder", or "other": a link, a device or the like.
    place: of its first byte, behind its header.
    checksum: of its header, as the header says.
    """

    name: str
    kind: str
    place: int
    size: int
    checksum: int


def read_members(file: IO[bytes], size: int) -> Iterator[TarMember]:
    """The members in their order; while one is looked at, its content may be read.

    Raises:
        ValueError: it is no tar file, compressed, truncated, or has a header that cannot be right.
    """
    if file.read(8).startswith(_COMPRESSED):
        raise ValueError("compressed: unpack it to a plain .tar, whose images can be read by place")
    place, name, count = 0, None, 0
    fields: dict[str, str] = {}
    while any(block := _read(file, place, BLOCK, size)):
        info, place = parse(block, place), place + BLOCK
        content = int(fields["size"]) if fields.get("size", "").isdecimal() and len(fields["size"]) < 19 else info.size
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, *_EXTENDED):
            more = _read(file, place, info.size, size, _NAME if info.type not in _EXTENDED else _FIELDS)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                name = more.partition(b"\0")[0].decode("utf-8", "surrogateescape")
            elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                fields = _fields(more)
            place += -(-info.size // BLOCK) * BLOCK
            continue
        if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in fields):
            raise ValueError(f"{info.name!r} is a sparse file, which no shard has")
        kind = "file" if info.type in _FILES else "folder" if info.isdir() else "other"
        content = 0 if info.type in _EMPTY else content
        if place + content > size:
            raise ValueError(f"truncated: {info.name!r} should end at byte {place + content:,}, and {size:,} are there")
        yield TarMember(fields.get("path") or name or info.name, kind, place, content, info.chksum)
        place, name, fields, count = place + -(-content // BLOCK) * BLOCK, None, {}, count + 1
        if count > _MEMBERS:
            raise ValueError(f"has more than {_MEMBERS:,} members")


def parse(block: bytes, place: int) -> tarfile.TarInfo:
    """A header of 512 bytes.

    Raises:
        ValueError: it is none.
    """
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise ValueError(f"no tar header at byte {place:,} ({error})") from None
    if info.size < 0:
        raise ValueError(f"the header at byte {place:,} says that {info.name!r} has {info.size} bytes")
    return info


def _read(file: IO[bytes], place: int, count: int, size: int, limit: int = BLOCK) -> bytes:
    if count > limit:
        raise ValueError(f"the header at byte {place - BLOCK:,} is followed by {count:,} bytes of a name or fields")
    if place + count > size:
        raise ValueError(f"truncated: ends at byte {size:,} without the empty blocks that end a tar file")
    file.seek(place)
    content = file.read(count)
    if len(content) < count:
        raise ValueError(f"truncated: ends at byte {place + len(content):,}, and should have {size:,}")
    return content


def _fields(content: bytes) -> dict[str, str]:
    """The records of an extended header, ``length key=value``, each with a line end."""
    fields, place = {}, 0
    while place < len(content) and content[place]:
        digits = content[place : place + 12].partition(b" ")[0]
        end = place + int(digits) if digits.isdigit() else 0
        key, equals, value = content[place + len(digits) + 1 : end - 1].partition(b"=")
        if not equals or end > len(content) or content[end - 1 : end] != b"\n":
            raise ValueError("an extended header has fields that cannot be read")
        fields[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        place = end
    return fields
