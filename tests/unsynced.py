"""What a disk may hold when the power is cut: of a file its content, of a folder its names, when it was last synced."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHANGES = ("fsync", "rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir")  # of what a disk holds


class Disk:
    """What is surely kept of a folder: all that is there now, and from then on what is synced."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}
        self._held: list[int] = []  # so that no number is given to another file
        for path in (root, *root.rglob("*")):
            self._keep(path)

    def _keep(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        self._held.append(handle)
        if path.is_dir():
            self._names[os.fstat(handle).st_ino] = _names(path)
        else:
            self._contents[os.fstat(handle).st_ino] = path.read_bytes()

    def sync(self, descriptor: int) -> None:
        """As the disk does when it is asked to keep this."""
        number = os.fstat(descriptor).st_ino
        for path in (self.root, *self.root.rglob("*")):
            if path.lstat().st_ino == number:
                self._keep(path)
                return

    def restore(self, target: Path, *, renamed: bool) -> None:
        """Make `target` as the folder may be found after a cut.

        Contents are what was synced, or nothing. Names are what was synced too, or, `renamed`, those of now:
        a disk may keep a name long before it is asked to.
        """
        self._restore(self.root.stat().st_ino, self.root, target, renamed)

    def _restore(self, number: int, live: Path | None, target: Path, renamed: bool) -> None:
        target.mkdir()
        names = _names(live) if renamed and live else self._names.get(number, {})
        for name, (inner, is_folder) in names.items():
            if is_folder:
                self._restore(inner, live and live / name, target / name, renamed)
            else:
                (target / name).write_bytes(self._contents.get(inner, b""))

    def close(self) -> None:
        """Let go of the files."""
        for handle in self._held:
            os.close(handle)


def _names(folder: Path) -> dict[str, tuple[int, bool]]:
    with os.scandir(folder) as entries:
        return {entry.name: (entry.inode(), entry.is_dir()) for entry in entries}


@contextmanager
def cut_points(act: Callable[[], None]) -> Iterator[None]:
    """Inside, `act` before each change of what a disk holds, as far as Python makes it; not before its own."""
    acting = False

    def watched(done: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments, **options):
            nonlocal acting
            if not acting:
                acting = True
                try:
                    act()
                finally:
                    acting = False
            return done(*arguments, **options)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, watched(getattr(os, name)))
        yield


@contextmanager
def recorded(root: Path, look: Callable[[Disk], None]) -> Iterator[Disk]:
    """Inside, what is synced below `root` is kept, and `look` sees the disk before each change."""
    disk, fsync = Disk(root), os.fsync
    with pytest.MonkeyPatch.context() as patch:

        def keep(descriptor):
            fsync(descriptor)
            disk.sync(descriptor)

        patch.setattr(os, "fsync", keep)
        with cut_points(lambda: look(disk)):
            yield disk
    disk.close()
