"""States of a training on disk, from which it goes on where it was cut off."""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from zoo.atomic import write_atomically

_KEPT = 2


class Preempted(BaseException):
    """Training was asked to stop, and its state is saved; no failure, so no `Exception`."""


class Checkpoints:
    """States in a folder, the last two, each there whole or not at all.

    Args:
        folder: theirs alone.
        every: seconds between two, beside those at the end of each epoch.
    """

    def __init__(self, folder: Path, *, every: float = 600.0) -> None:
        self.folder, self.every = folder, every
        self.training = False  # whether anybody will look at a request
        self._requested = self._stop = False
        self._saved = time.monotonic()

    def request(self, *, stop: bool) -> None:
        """Have the state saved after the step that is under way, and then stop, or go on."""
        self._requested, self._stop = True, self._stop or stop

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside, requests are seen after each step."""
        self.training = True
        try:
            yield
        finally:
            self.training = False

    def due(self) -> bool:
        """Whether it is time for one."""
        return self._requested or time.monotonic() - self._saved >= self.every

    def save(self, state: Mapping[str, Any]) -> None:
        """Write `state`, and drop all but the last two.

        Raises:
            Preempted: a stop was requested.
            OSError: the disk is full.
        """
        content = io.BytesIO()
        torch.save(dict(state), content)
        files = self._files()
        number = int(files[-1].stem) + 1 if files else 1
        write_atomically(self.folder / f"{number:08}.pt", content.getvalue())
        for file in self._files()[:-_KEPT]:
            file.unlink(missing_ok=True)
        self._requested, self._saved = False, time.monotonic()
        if self._stop:
            raise Preempted

    def latest(self) -> dict[str, Any] | None:
        """The last state that can be read; None where there is none. Nothing in a file is run."""
        for file in reversed(self._files()):
            with suppress(Exception):  # torn by a disk, or of another torch
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
                return state
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.pt"))
