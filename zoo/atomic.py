"""Files and folders that are there whole or not at all, whenever a process or the machine ends."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """The same for all that lies in `folder`, and itself."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def write_atomically(file: Path, content: str | bytes) -> None:
    """Write a whole file or none, as `atomic_file` does.

    Raises:
        OSError: the folder cannot be written to.
    """
    with atomic_file(file) as opened:
        opened.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def atomic_file(file: Path) -> Iterator[BinaryIO]:
    """To write into, under a name of its own first: whoever reads, or writes the same, sees a whole file or none.

    Raises:
        OSError: the folder cannot be written to.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        Path(partial).chmod(0o644)  # mkstemp leaves it to the owner alone
        Path(partial).replace(file)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    sync(file.parent)


@contextmanager
def atomic_directory(folder: str | Path) -> Iterator[Path]:
    """A hidden folder beside `folder` to write into; when the block ends, one rename gives it that name.

    What is raised inside leaves nothing behind.

    Raises:
        ValueError: something lies in `folder` already.
    """
    target = Path(folder).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{str(folder)!r} is there already: name another folder, or remove that one first")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-", suffix=".partial"))
    partial.chmod(0o755)  # mkdtemp leaves it to the owner alone
    try:
        yield partial
        sync_tree(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(target.parent)
