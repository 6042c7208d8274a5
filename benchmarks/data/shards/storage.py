"""Where shards lie: a local folder, or any URL that fsspec reads."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from glob import escape
from itertools import islice
from typing import IO, Any, NamedTuple, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

_NAMES, _PAIRS = 100_000, 20  # that a pattern may stand for, and pairs of braces in it
_BRACES = re.compile(r"\{(?:([0-9]{1,18})\.\.([0-9]{1,18})|([^{}]*,[^{}]*))\}")
_WILD = re.compile(r"[*?\[]")
_VERSIONS = (
    *("ETag", "etag", "md5Hash", "generation", "blob_id", "xet_hash", "mtime", "LastModified", "Last-Modified"),
    *("last_modified", "modify", "updated", "created"),
)  # as different file systems call it; the first that is there counts
_PAUSES = (1.0, 4.0)  # seconds before what failed afar is tried again
_FINAL = (FileNotFoundError, PermissionError, ValueError)  # which the next try would meet too
_T = TypeVar("_T")


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
        self.root, self._url = root, expand(root.replace("\0", "?"))
        try:
            self._opened, path = fsspec.core.url_to_fs(self._url)
        except Exception as error:  # of whichever package reads such URLs
            raise ValueError(f"cannot read {root!r}: {error}") from None
        self._process, self._path = os.getpid(), path.rstrip("/")
        self._local = isinstance(self._opened, LocalFileSystem)
        if self._local and not self._opened.isdir(path):
            raise ValueError(f"no folder {root!r}: say where the shards lie with --dataset \"webdataset(root='...')\"")

    @property
    def _system(self) -> Any:
        """The file system, opened by this process: connections, and threads that serve them, do not survive a fork."""
        if self._process != os.getpid():
            self._opened, self._process = fsspec.core.url_to_fs(self._url)[0], os.getpid()
        return self._opened

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
        """Some bytes of it.

        Raises:
            Exception: of whichever package reads there.
        """
        return bytes(self.retried(lambda: self._system.cat_file(shard.path, start=start, end=end)))

    def retried(self, read: Callable[[], _T]) -> _T:
        """What a function gives that reads here; from afar it is called a few times, as connections may break.

        Raises:
            Exception: of whichever package reads there.
        """
        for pause in () if self._local else _PAUSES:
            try:
                return read()
            except _FINAL:
                raise
            except Exception:  # of whichever package reads there
                time.sleep(pause)
        return read()

    def address(self, shard: Shard) -> str:
        """It, among all shards everywhere."""
        return str(self._system.unstrip_protocol(shard.path))

    def _listed(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        wild, path = _WILD.search(name), f"{self._path}/{name}"
        try:
            if not wild:
                return [(path, self._info(path))]
            found = self.retried(lambda: self._system.glob(f"{escape(self._path)}/{name}", detail=True))
            return [
                (path, info if _is_file(info) else self._info(path))  # of links and on web servers listings tell less
                for path, info in found.items()
                if info.get("type") != "directory" and not path.rpartition("/")[2].startswith(".")
            ]
        except Exception as error:  # of whichever package lists there
            if isinstance(error, FileNotFoundError) and not wild:
                return []
            raise ValueError(f"cannot list {name!r} in {self.root}: {error or type(error).__name__}") from None

    def _info(self, path: str) -> dict[str, Any]:
        info: dict[str, Any] = self.retried(lambda: self._system.info(path))
        return info

    def _shard(self, path: str, info: dict[str, Any]) -> Shard:
        name = path.removeprefix(self._path).lstrip("/")
        if not _is_file(info):
            raise ValueError(f"{name!r} in {self.root} is no file, or nobody tells its size: it cannot be a shard")
        versions = [info[key] for key in _VERSIONS if info.get(key)]
        version = versions[0] if versions else ""
        seconds = version.timestamp() if isinstance(version, datetime) else version
        return Shard(name, path, info["size"], f"{seconds} {info.get('ino', '')}".strip())


def _is_file(info: Mapping[str, Any]) -> bool:
    return info.get("type") == "file" and isinstance(info.get("size"), int)


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
    if words is None and int(first) > int(last):
        raise ValueError(f"pattern {pattern[:80]!r} stands for no name: write {{{last}..{first}}}")
    numbers = range(int(first), int(last) + 1) if words is None else ()
    for choice in words.split(",") if words is not None else (f"{number:0{len(first)}}" for number in numbers):
        yield from _choices(f"{pattern[: found.start()]}{choice}{pattern[found.end() :]}")
