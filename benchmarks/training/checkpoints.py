"""States of a training on disk, from which it resumes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.runtime.progress import write
from zoo.atomic import atomic_file
from zoo.partial import remove_abandoned

_KEPT = 2
_MADE_WITH = "made_with"


class Preempted(BaseException):
    """A stop was requested, and the state is saved; no failure, so no `Exception`."""


class Requests:
    """Requests to save a training's state or to stop it, which come at any time; states are saved elsewhere."""

    def __init__(self) -> None:
        self.training = False  # whether anybody will look at a request
        self.requested = self.stop = False

    def request(self, *, stop: bool) -> None:
        """Have the state saved after the step that is under way, and then stop, or go on."""
        self.requested, self.stop = True, self.stop or stop

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside, requests are seen after each step, and the last thing is a `save`.

        Raises:
            Preempted: a stop was requested after that.
        """
        self.training = True
        try:
            yield
        finally:
            self.training = False
        if self.stop:
            raise Preempted

    def due(self) -> bool:
        """Whether it is time for a state to be saved."""
        return self.requested or self.stop

    def save(self, state: Mapping[str, Any]) -> None:
        """Another process does it."""
        self.requested = False

    def latest(self) -> dict[str, Any] | None:
        """Another process has it."""
        return None


class Checkpoints(Requests):
    """States in a folder, the last two, each there whole or not at all.

    Args:
        folder: theirs alone.
        made_with: what has to be the same for a state to go on with: versions, for example.
        every: seconds between two, beside those at the end of each epoch.
    """

    def __init__(self, folder: Path, *, made_with: str = "", every: float = 600.0) -> None:
        super().__init__()
        self.folder, self.made_with, self.every = folder, made_with, every
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for one."""
        return super().due() or time.monotonic() - self._saved >= self.every

    def save(self, state: Mapping[str, Any]) -> None:
        """Write `state`, and drop all but the last two; a full disk is reported and does not end training."""
        self.requested = False  # one that comes now is for the next state
        files = self._files()
        number = int(files[-1].stem) + 1 if files else 1
        try:
            with atomic_file(self.folder / f"{number:08}.pt") as opened:
                torch.save({**state, _MADE_WITH: self.made_with}, opened)
        except (OSError, RuntimeError) as error:
            if not isinstance(error, OSError) and "PytorchStreamWriter" not in str(error):  # its own for a full disk
                raise
            write(f"caption-zoo: note: no checkpoint could be saved: {' '.join(str(error).split())[:200]}")
        for file in self._files()[:-_KEPT]:
            file.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def latest(self) -> dict[str, Any] | None:
        """The last state that can be read and was made with the same; nothing in a file is run.

        What a killed process was writing is removed.

        Raises:
            OSError: the disk does not give it.
        """
        remove_abandoned(self.folder)
        for file in reversed(self._files()):
            try:
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
                if not isinstance(state, dict):
                    raise TypeError(f"it holds a {type(state).__name__}")
            except OSError:
                raise
            except Exception as error:  # torn, or with what only code could read
                write(f"caption-zoo: note: checkpoint {file.name} cannot be read: {' '.join(str(error).split())[:200]}")
                continue
            if state.get(_MADE_WITH) == self.made_with:
                return state
            write("caption-zoo: note: the checkpoint was made with other versions: training starts anew")
            return None
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.pt"))
