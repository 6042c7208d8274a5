"""Leases: which process works on what, among any that share a folder; no lock of the file system is needed.

A lease is a file that its holder makes exclusively and touches again and again. Where the holder is known to
be gone, or has not touched it for long, the next one takes the lease over by a file with the next number.
Two holders at once are unlikely, and must do no harm.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from benchmarks.runtime.closing import Closing
from benchmarks.runtime.storage import StorageError, storage_fault
from zoo.owner import Owner

_BEAT = 15.0  # seconds between touches
_PATIENCE = 120.0  # seconds without one after which a lease is taken over
_TORN = (ValueError, TypeError, KeyError, RecursionError)  # what reading a lease raises that is not written in full


class Lease(NamedTuple):
    """A lease that is held. `lost` is set when another process has taken it over."""

    name: str
    file: Path
    token: str
    lost: threading.Event


class Leases(Closing):
    """The leases in a folder, as one process sees them; a thread of it touches those that it holds. Used by `with`.

    Time is this process's own, as it passes while a lease is watched: clocks of machines differ, and jump.
    """

    def __init__(self, folder: Path, *, beat: float = _BEAT, patience: float = _PATIENCE) -> None:
        self.folder, self._beat, self._patience = folder, beat, patience
        self._held: dict[str, Lease] = {}
        self._seen: dict[Path, tuple[int, float]] = {}  # when each one was touched, and since when that is known
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Give back all that are held."""
        self._ended.set()
        for lease in list(self._held.values()):
            self._give_back(lease)

    @contextmanager
    def taken(self, name: str) -> Iterator[Lease | None]:
        """The lease on `name`, held inside; None where another process, or another thread, holds it.

        Raises:
            StorageError: the folder cannot be written to.
        """
        try:
            lease = self._take(name)
        except OSError as error:
            fault = storage_fault(error, self.folder.parent) or f"{self.folder}: {error.strerror or error}"
            raise StorageError(fault) from error
        try:
            yield lease
        finally:
            if lease:
                self._give_back(lease)

    def names(self) -> set[str]:
        """What there is a lease on, whoever holds it."""
        return {file.name.rpartition(".")[0] for file in self._files("*")}

    def holds(self, lease: Lease) -> bool:
        """Whether it is still held, looked up now; `lost` tells it later."""
        return self._held.get(lease.name) is lease and _token(lease.file) == lease.token

    def _take(self, name: str) -> Lease | None:
        with self._lock:
            if name in self._held:
                return None
            files = {file: _token(file) for file in self._files(name)}
            if not all(map(self._stale, files)):
                return None
            self.folder.mkdir(parents=True, exist_ok=True)
            number = max((int(file.suffix[1:]) for file in files), default=0) + 1
            lease = Lease(name, self.folder / f"{name}.{number}", uuid4().hex, threading.Event())
            if not _create(lease):
                return None
            now = [file for file in self._files(name) if file != lease.file]
            if any(file not in files or files[file] != _token(file) for file in now):  # made by who saw other files
                lease.file.unlink(missing_ok=True)
                return None
            for file in files:
                file.unlink(missing_ok=True)
            self._held[name] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._touch, name="leases", daemon=True)
                self._thread.start()
            return lease

    def _files(self, name: str) -> list[Path]:
        return [file for file in self.folder.glob(f"{name}.*") if file.suffix[1:].isdecimal()]

    def _stale(self, file: Path) -> bool:
        try:
            touched, content = file.stat().st_mtime_ns, file.read_bytes()
        except FileNotFoundError:
            return True
        with suppress(*_TORN):
            if Owner(**json.loads(content)["owner"]).gone:
                return True
        before, since = self._seen.get(file, (None, 0.0))
        now = time.monotonic()
        if before != touched:
            self._seen[file] = (touched, now)
            return False
        return now - since > self._patience

    def _give_back(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(lease.name, None)
            if _token(lease.file) == lease.token:
                lease.file.unlink(missing_ok=True)

    def _touch(self) -> None:
        while not self._ended.wait(self._beat):
            with self._lock:
                for lease in self._held.values():
                    try:
                        if _token(lease.file) == lease.token:
                            os.utime(lease.file)
                        else:
                            lease.lost.set()
                    except FileNotFoundError:
                        lease.lost.set()
                    except OSError:  # a server that is away for a while
                        continue


def _create(lease: Lease) -> bool:
    try:
        descriptor = os.open(lease.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump({"token": lease.token, "owner": Owner.this()._asdict()}, opened)
    except OSError:
        lease.file.unlink(missing_ok=True)
        raise
    return True


def _token(file: Path) -> str | None:
    """Which lease the file holds; None where there is none, and empty where it is not written yet."""
    try:
        return str(json.loads(file.read_bytes())["token"])
    except FileNotFoundError:
        return None
    except _TORN:
        return ""
