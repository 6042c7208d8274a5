"""The samples of a shard: members of one name but for their ending, an image and its captions."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

from benchmarks.data.formats.rows import SPLIT, caption_texts, first_named, split_name
from benchmarks.data.formats.table import CAPTION
from benchmarks.data.photos import SUFFIXES
from benchmarks.data.shards.tar import TarMember, read_members

_KEY = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")  # and no other sign that Python would split at
_IMAGE, _TEXT, _NAME = 2**28, 2**20, 1024  # bytes of an image and of captions, characters of a name

Problems = dict[str, tuple[int, str]]


class Sample(NamedTuple):
    """An image of a shard with its captions.

    name: of the image's member; key: the same without its ending.
    place, size: of the image, in bytes; checksum: of its header.
    split: "train", "validation" or "test" where the sample says so.
    """

    key: str
    name: str
    place: int
    size: int
    checksum: int
    captions: tuple[str, ...]
    split: str | None


@dataclass
class _Group:
    """What a shard has under one key.

    others: images with more in their ending, as in ``0.mask.png``, which count where there is no ``0.png``.
    beside: what texts of such an ending say, by all of it but its last part; it is of the image with the same one.
    """

    images: list[TarMember] = field(default_factory=list)
    others: list[TarMember] = field(default_factory=list)
    beside: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    texts: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    split: str | None = None


def read_samples(file: IO[bytes], size: int) -> tuple[list[Sample], Problems]:
    """The samples of a shard in their order, and what was left out: how many of each kind, and one of them.

    Raises:
        ValueError: the shard is damaged, or has a name twice.
    """
    groups: dict[str, _Group] = {}
    names: set[str] = set()
    problems = _Problems()
    for member in read_members(file, size):
        if member.kind == "folder":
            continue
        found = _KEY.fullmatch(member.name)
        if len(member.name) > _NAME or not _is_text(member.name):
            problems.add(f"members whose names are longer than {_NAME:,} letters, or no UTF-8", ascii(member.name[:80]))
        elif member.kind == "other":
            problems.add("members that are links or devices", member.name)
        elif member.name in names:
            raise ValueError(f"has {member.name!r} twice: which one is meant?")
        elif found:
            names.add(member.name)
            try:
                _add(groups.setdefault(found[1], _Group()), member, found[2].lower(), file)
            except ValueError as error:
                problems.add("members whose captions cannot be read", str(error))
    return list(_samples(groups, problems)), problems.found


def _samples(groups: dict[str, _Group], problems: "_Problems") -> Iterator[Sample]:
    for key, group in groups.items():
        images = group.images or group.others
        beside = group.beside[_stem(images[0].name)] if group.others and images else []
        captions = tuple(group.captions or group.texts or beside)
        if len(images) != 1:
            problems.add(f"samples with {'several images' if images else 'captions and no image'}", key)
        elif (image := images[0]).size > _IMAGE:
            problems.add(f"images of more than {_IMAGE:,} bytes", image.name)
        elif not captions:
            problems.add("images without a caption", image.name)
        else:
            yield Sample(key, image.name, image.place, image.size, image.checksum, captions, group.split)


def _add(group: _Group, member: TarMember, ending: str, file: IO[bytes]) -> None:
    """Take what a member says: an image, a caption in each line, or an object with captions and perhaps a split."""
    if f".{ending.rpartition('.')[2]}" in SUFFIXES:
        (group.others if "." in ending else group.images).append(member)
    elif ending.rpartition(".")[2] in ("txt", "caption"):
        captions = group.beside[_stem(member.name)] if "." in ending else group.texts
        captions += caption_texts(member.name, "the text", _LINE_END.split(_text(member, file)))
    elif ending == "json":
        pairs = [(key.strip(), value) for key, value in _object(member, _text(member, file))]
        splits, texts = first_named(SPLIT, pairs), first_named(CAPTION, pairs)
        group.split = split_name(member.name, [value for _, value in splits]) or group.split
        group.captions += [text for key, value in texts for text in caption_texts(member.name, key, value)]


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _text(member: TarMember, file: IO[bytes]) -> str:
    if member.size > _TEXT:
        raise ValueError(f"{member.name}: {member.size:,} bytes are more than captions have")
    file.seek(member.place)
    try:
        return file.read(member.size).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{member.name}: not in UTF-8") from None


def _object(member: TarMember, text: str) -> list[tuple[str, Any]]:
    """Key by key, so that none is lost where one stands there twice."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{member.name}: no JSON ({error})") from None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError(f"{member.name}: no object with captions")
    return pairs


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Problems:
    """How many there are of each kind, and the first of them."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, kind: str, what: str) -> None:
        self._counts[kind] += 1
        self._first.setdefault(kind, what)

    @property
    def found(self) -> Problems:
        return {kind: (count, self._first[kind]) for kind, count in self._counts.items()}
