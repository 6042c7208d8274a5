"""How a page gets its place: whole, in one step, so that whoever reads sees the old one or the new one."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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

    A folder with nothing but a page in it is replaced in one step. In one that holds something else,
    which is left alone, the files are replaced one by one, the cards before the page that leads to
    them. What is raised inside, or a kill, leaves the old page; what a kill leaves beside it goes with the next call.
    """
    out = out.resolve()
    alone = not out.exists() or (_is_page(out) and not out.is_mount() and os.access(out.parent, os.W_OK))
    beside = out.parent if alone else out
    remove_abandoned(beside)
    with partial_folder(beside / out.name) as partial:
        yield partial
        sync_tree(partial)
        if alone:
            _replace(partial, out)
        else:
            _put_into(out, partial)
        sync(beside)


def _is_page(folder: Path) -> bool:
    """Whether nothing but a page lies in `folder`."""
    known = {folder / FOLDER, *(folder / name for name in FILES), *cards_in(folder)}
    return folder.is_dir() and known.issuperset([*folder.iterdir(), *(folder / FOLDER).glob("*")])


def _replace(new: Path, old: Path) -> None:
    """Give the folder `new` the name of `old`, which gets that of `new` where it is there."""
    if not old.exists():
        new.rename(old)
        return
    names = os.fsencode(new), os.fsencode(old)
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None or exchange(_HERE, names[0], _HERE, names[1], _EXCHANGE):
        aside = new.with_suffix(".replaced")  # another system, or a file system without it: nothing between two steps
        old.rename(aside)
        new.rename(old)
        shutil.rmtree(aside)


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
