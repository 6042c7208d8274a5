"""Where the processes that train cells together meet, and the commands of several nodes tell each other what runs."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.runtime.launch import Launch

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

_PATIENCE = timedelta(hours=1)  # in which the first command comes to its first cell
_TICK = 0.5  # seconds
_LEAVE = 20.0  # seconds in which the others hear that it is over


class FirstIsGone(RuntimeError):
    """The first command has ended before its last cell was over."""


class Meeting:
    """A key-value store in the first command, or in `torchrun`'s agent, as long as the command runs.

    The first command announces each cell and its end; the others follow, and report why they failed.
    So all work on the same cell, whatever one of them skips.
    """

    def __init__(self, launch: Launch) -> None:
        from torch._C._distributed_c10d import PrefixStore, TCPStore  # late: most runs have one process

        host, port = launch.master
        hosts = not launch.first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = TCPStore(host, port or 0, is_master=hosts, wait_for_workers=False, timeout=_PATIENCE)
        self.port: int = store.port
        self._store: Store = PrefixStore("commands", store)
        self._others = launch.commands - 1
        self._number = 0

    def announce(self, cell: str) -> None:
        """As the first: have the others train it too."""
        self._store.set(f"cell {self._number}", cell)
        self._number += 1

    def over(self, cell: str) -> None:
        """As the first: its cell has come to an end."""
        self._store.set(f"over {cell}", "")

    def close(self) -> None:
        """As the first: there are no more cells. Waits a little until all have heard it."""
        self.announce("")
        end = time.monotonic() + _LEAVE
        while self._store.add("left", 0) < self._others and time.monotonic() < end:
            time.sleep(_TICK)

    def announced(self) -> Iterator[str]:
        """As another: each cell of the first command.

        Raises:
            FirstIsGone: it has ended before it announced the end.
        """
        while True:
            while not self._is_set(f"cell {self._number}"):
                time.sleep(_TICK)
            cell = self._store.get(f"cell {self._number}").decode()
            self._number += 1
            if not cell:
                self._store.add("left", 1)
                return
            yield cell

    def fail(self, cell: str, reason: str) -> None:
        """As another: report why this node cannot train the cell."""
        with suppress(RuntimeError):  # the first may be gone
            self._store.set(f"failed {cell}", reason)

    def failure(self, cell: str) -> Exception | None:
        """As the first: why another node cannot train it; None where it can."""
        if not self._is_set(f"failed {cell}"):
            return None
        return RuntimeError(f"on another node: {self._store.get(f'failed {cell}').decode()}")

    def wait_for_failure(self, cell: str) -> str | None:
        """As the first, which has lost another node: its reason, once it is there; None where none comes."""
        end = time.monotonic() + _LEAVE / 2
        while self._others and time.monotonic() < end:
            if failure := self.failure(cell):
                return f"{type(failure).__name__}: {failure}"
            time.sleep(_TICK)
        return None

    def end(self, cell: str) -> Exception | None:
        """As another: something, once the first has left the cell."""
        return RuntimeError("the first process has left the cell") if self._is_set(f"over {cell}") else None

    def _is_set(self, key: str) -> bool:
        try:
            return bool(self._store.check([key]))
        except RuntimeError as error:
            raise FirstIsGone("the first command has ended, or cannot be reached any more") from error
