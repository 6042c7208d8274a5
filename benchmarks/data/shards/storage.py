"""Where shards lie: a local folder, or any URL that fsspec reads."""

import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from glob import escape
from itertools import islice
from typing import IO, Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

_NAMES, _PAIRS = 100_000, 20  # that a pattern may stand for, and pairs of braces in it
_BRACES = re.compile(r"\{(?:([0-9]{1,18})\.\.([0-9]{1,18})|([^{}]*,[^{}]*))\}")
_WILD = re.compile(r"[*?\[]")
_VERSIONS = ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "Last-Modified", "updated", "created")
_PAUSES = (1.0, 4.0)  # seconds before a read from afar is tried again


class Shard(NamedTuple):
    """A tar file: its name below the root, its path in the file system, its bytes, and what changes when it does."""

    name: str
    path: str
    size: int
    version: str


class Storage:
    """The files below `root`.

    Raises:
        ValueError: `root` is no folder, or no URL that can be read here.
    """

    def __init__(self, root: str) -> None:
        if root.startswith("pipe:"):
            raise ValueError(f"{root[:80]!r} would run a program: give root='...' the URL itself")
        expand = os.path.expanduser  # pathlib's raises where ~ leads nowhere
        try:
            self._system, self._path = fsspec.core.url_to_fs(expand(root.replace("\0", "?")))
        except Exception as error:  # of whichever package reads such URLs
            raise ValueError(f"cannot read {root!r}: {error}") from None
        self._local = isinstance(self._system, LocalFileSystem)
        if self._local and not self._system.isdir(self._path):
            raise ValueError(f"no folder {root!r}: say where the shards lie with --dataset \"webdataset(root='...')\"")
        self.root = root

    def shards(self, pattern: str) -> list[Shard]:
        """The shards that a pattern names, with wildcards, ``{000..123}`` and ``{one,other}``, sorted.

        Raises:
            ValueError: one of them, or all, are not there.
        """
        if "://" in pattern or pattern.startswith("/") or ".." in re.split(r"[/\\]", pattern):
            raise ValueError(f"pattern {pattern!r} leads out of {self.root}: patterns are relative to root")
        found: dict[str, Shard] = {}
        for name in _expanded(pattern):
            shards = [self._shard(*each) for each in self._listed(name)]
            if not shards:
                raise ValueError(f"no shard {name!r} in {self.root}")
            found |= {shard.name: shard for shard in shards}
        return sorted(found.values())

    def open(self, shard: Shard) -> IO[bytes]:
        """To read from its beginning."""
        opened: IO[bytes] = self._system.open(shard.path, "rb")
        return opened

    def read(self, shard: Shard, start: int, end: int) -> bytes:
        """Some bytes of it; from afar a few times, as connections may break.

        Raises:
            Exception: of whichever package reads there.
        """
        for pause in () if self._local else _PAUSES:
            try:
                return bytes(self._system.cat_file(shard.path, start=start, end=end))
            except FileNotFoundError:
                raise
            except Exception:  # of whichever package reads there
                time.sleep(pause)
        return bytes(self._system.cat_file(shard.path, start=start, end=end))

    def address(self, shard: Shard) -> str:
        """It, among all shards everywhere."""
        return str(self._system.unstrip_protocol(shard.path))

    def _listed(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        try:
            if _WILD.search(name):
                found = self._system.glob(f"{escape(self._path)}/{name}", detail=True)
                return [(path, info) for path, info in found.items() if info.get("type") != "directory"]
            return [(f"{self._path}/{name}", self._system.info(f"{self._path}/{name}"))]
        except FileNotFoundError:
            return []
        except Exception as error:  # of whichever package lists there
            raise ValueError(f"cannot list {name!r} in {self.root}: {error or type(error).__name__}") from None

    def _shard(self, path: str, info: dict[str, Any]) -> Shard:
        name = path.removeprefix(self._path.rstrip("/")).lstrip("/")
        if info.get("type") != "file" or not isinstance(info.get("size"), int):
            raise ValueError(f"{name!r} in {self.root} is no file, or nobody tells its size: it cannot be a shard")
        versions = [info[key] for key in _VERSIONS if info.get(key)]
        version = versions[0] if versions else ""
        seconds = version.timestamp() if isinstance(version, datetime) else version
        return Shard(name, path, info["size"], f"{seconds} {info.get('ino', '')}".strip())


def _expanded(pattern: str) -> list[str]:
    """The pattern with each choice of its braces; numbers are as wide as the first one."""
    if pattern.count("{") <= _PAIRS:
        names = list(islice(_choices(pattern), _NAMES + 1))
        if len(names) <= _NAMES:
            return names
    raise ValueError(
        f"pattern {pattern[:80]!r} has more than {_PAIRS} braces, or stands for more than {_NAMES:,} names"
    )


def _choices(pattern: str) -> Iterator[str]:
    if not (found := _BRACES.search(pattern)):
        yield pattern
        return
    first, last, words = found.groups()
    numbers = range(int(first), int(last) + 1) if words is None else ()
    for choice in words.split(",") if words is not None else (f"{number:0{len(first)}}" for number in numbers):
        yield from _choices(f"{pattern[: found.start()]}{choice}{pattern[found.end() :]}")
