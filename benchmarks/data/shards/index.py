"""What is in each shard, found out once and kept in the cache."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.data.shards.samples import Problems, Sample, read_samples
from benchmarks.data.shards.storage import Shard, Storage
from benchmarks.runtime.cache_folder import optional_cache_folder
from benchmarks.runtime.progress import bar
from zoo.atomic import write_atomically

_FORMAT = 2
_READERS = 8  # threads, which wait for a network most of the time


@dataclass(frozen=True)
class ShardIndex:
    """The samples of a shard of some size and version, and what was left out of it."""

    format: int
    size: int
    version: str
    samples: list[Sample]
    problems: Problems


def read_indices(storage: Storage, shards: Sequence[Shard]) -> list[ShardIndex]:
    """The index of each shard: from the cache, where the shard has not changed since, or made now and kept there.

    Whoever makes one at the same time writes the same.

    Raises:
        ValueError: a shard cannot be read, or is damaged; the message names it.
    """
    folder = optional_cache_folder()
    files = [folder / "shards" / _name(storage.address(shard)) if folder else None for shard in shards]
    kept = [_kept(file, shard) for file, shard in zip(files, shards, strict=True)]
    lacking = [place for place, index in enumerate(kept) if index is None]
    if lacking:
        with bar(len(lacking), "indexing", "shard") as progress, ThreadPoolExecutor(_READERS) as pool:
            try:
                for place, index in zip(
                    lacking, pool.map(lambda place: _made(storage, shards[place]), lacking), strict=True
                ):
                    kept[place] = index
                    _keep(files[place], index)
                    progress.update()
            finally:
                pool.shutdown(cancel_futures=True)
    return [index for index in kept if index]


def _made(storage: Storage, shard: Shard) -> ShardIndex:
    try:
        samples, problems = storage.retried(lambda: _read(storage, shard))
    except ValueError as error:
        raise ValueError(f"shard {shard.name} in {storage.root}: {error}") from None
    except Exception as error:  # of whichever package reads there
        raise ValueError(f"cannot read shard {shard.name} in {storage.root}: {error or type(error).__name__}") from None
    return ShardIndex(_FORMAT, shard.size, shard.version, samples, problems)


def _read(storage: Storage, shard: Shard) -> tuple[list[Sample], Problems]:
    with storage.open(shard) as file:
        return read_samples(file, shard.size)


def _name(address: str) -> str:
    return f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.json"


def _keep(file: Path | None, index: ShardIndex) -> None:
    """Write it with a checksum; where that is not possible, the next process reads the shard again."""
    if file:
        content = msgspec.json.encode(index)
        try:
            write_atomically(file, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        except OSError:
            return


def _kept(file: Path | None, shard: Shard) -> ShardIndex | None:
    try:
        checksum, _, content = file.read_bytes().partition(b"\n") if file else (b"", b"", b"")
        if checksum != hashlib.sha256(content).hexdigest().encode():
            return None
        index = msgspec.json.decode(content, type=ShardIndex)
    except (OSError, msgspec.MsgspecError):
        return None
    same = (index.format, index.size, index.version) == (_FORMAT, shard.size, shard.version)
    return index if same and shard.version else None
