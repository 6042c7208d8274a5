"""How a page gets its place: whole, in one step, so that whoever reads sees the old one or the new one."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.leaderboard.html.paths import FOLDER, cards_in
from zoo.atomic import partial_folder, sync, sync_tree
from zoo.partial import remove_abandoned

FILES = ("leaderboard.md", "leaderboard.csv", "index.html")
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux: two names change places in one step
_HERE = -100  # AT_FDCWD: paths are relative to the working folder


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """A hidden folder to write a page into; when the block ends, it is the one in `out`, and forced to disk.

    A folder with nothing but a page in it is replaced in one step, by one of its mode and owner, where the system
    has such a step. Elsewhere, and in one that holds something else, which is left alone, the files are replaced one
    by one, the cards before the page that leads to them. What is raised inside, or a kill, leaves the old page, or
    whole files of both; what a kill leaves beside it goes with the next call.
    """
    out = out.resolve()
    alone = not out.exists() or (_is_page(out) and not out.is_mount() and os.access(out.parent, os.W_OK))
    beside = out.parent if alone else out
    remove_abandoned(beside)
    with partial_folder(beside / out.name) as partial:
        yield partial
        sync_tree(partial)
        if not out.exists():
            partial.rename(out)
        elif not alone or not _exchange(partial, out):
            _put_into(out, partial)
        sync(beside)


def _is_page(folder: Path) -> bool:
    """Whether nothing but a page lies in `folder`."""
    known = {folder / FOLDER, *(folder / name for name in FILES), *cards_in(folder)}
    return folder.is_dir() and known.issuperset([*folder.iterdir(), *(folder / FOLDER).glob("*")])


def _exchange(new: Path, old: Path) -> bool:
    """Have two folders change names, `new` with the mode and owner of `old`; False where the system cannot."""
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        return False
    for owner in ((old.stat().st_uid, -1), (-1, old.stat().st_gid)):
        with suppress(PermissionError):  # the owner is for the superuser to change, the group for its members
            os.chown(new, *owner)
    shutil.copystat(old, new)
    return exchange(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _EXCHANGE) == 0


def _put_into(out: Path, new: Path) -> None:
    """Move the files of the page in `new` to their places in `out`, and remove cards of runs that are no more."""
    cards = cards_in(new)
    if (new / FOLDER).is_dir():
        (out / FOLDER).mkdir(exist_ok=True)
    for file in [*cards, *(new / name for name in FILES)]:
        file.replace(out / file.relative_to(new))
    for left_over in {file.name for file in cards_in(out)} - {file.name for file in cards}:
        (out / FOLDER / left_over).unlink()
    for folder in (out / FOLDER, out):
        if folder.is_dir():
            sync(folder)
