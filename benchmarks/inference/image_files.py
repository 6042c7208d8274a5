"""Image files that a command line names, and their pictures, read in batches."""

import glob
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from PIL import Image

from benchmarks.runtime.progress import write
from benchmarks.runtime.text import plain
from zoo.pictures import open_picture

STDIN = "-"
SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jfif",
    ".png",
    ".webp",
    ".avif",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".jp2",
    ".j2k",
    ".heic",
    ".heif",
)

Prepare = Callable[[Image.Image], Image.Image]
Read = Image.Image | str  # the picture, or why it cannot be read


@dataclass(frozen=True)
class Listed:
    """Files one after another, and how many there are; None where they come from stdin, and nobody knows."""

    files: Iterator[str]
    count: int | None


def listed(arguments: Sequence[str]) -> Listed:
    """The files that `arguments` stand for: files, folders, globs, and "-" for one path per line of stdin.

    All but stdin is looked up at once; stdin is read as the paths are needed. A file that is
    not there is listed too: whoever reads it says so.

    Raises:
        ValueError: a folder or a glob holds no image.
    """
    named = [None if argument == STDIN else _found(argument) for argument in arguments]
    files = chain.from_iterable(_lines() if each is None else each for each in named)
    return Listed(files, None if STDIN in arguments else sum(len(each or ()) for each in named))


def read(file: str, prepare: Prepare) -> Read:
    """What `prepare` makes of the picture in `file`; the reason where it is none."""
    try:
        return prepare(open_picture(file))
    except OSError as error:
        return str(error) or type(error).__name__


def batches(listed: Listed, prepare: Prepare, size: int) -> Iterator[list[tuple[str, Read]]]:
    """Batches of files with their pictures, read in threads, the next batch while this one is used.

    Of files from stdin a batch is returned before the next path is waited for.
    """
    pool, waiting = ThreadPoolExecutor(os.cpu_count()), deque[list[tuple[str, Future[Read]]]]()
    ahead = 0 if listed.count is None else 1
    try:
        while batch := [(file, pool.submit(read, file, prepare)) for file in islice(listed.files, size)]:
            waiting.append(batch)
            if len(waiting) > ahead:
                yield _results(waiting.popleft())
        while waiting:
            yield _results(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def folders(parent: Path) -> Callable[[str], Path]:
    """Names a folder below `parent` after each file: its stem, with a number where that is taken."""
    taken: set[str] = set()

    def name(file: str) -> Path:
        stem = unique = Path(file).stem.strip(".") or "image"  # of "...jpg" it is "..", which leads out
        count = 1
        while unique.casefold() in taken:  # some file systems do not tell A from a
            count += 1
            unique = f"{stem}-{count}"
        taken.add(unique.casefold())
        return parent / unique

    return name


def _found(argument: str) -> list[str]:
    if not argument:
        raise ValueError("the name of an image is empty: name a file, a folder (. for this one) or a glob")
    path = Path(argument)
    if path.is_dir():
        images, others = _below(path)
        if not images:
            raise ValueError(f"no image below folder {argument!r}: looked for {', '.join(SUFFIXES)}")
        if others:
            some = "files or linked folders" if len(others) > 1 else "file or linked folder"
            write(f"caption-zoo: note: passed over {len(others)} {some}, such as {plain(others[0])}", sys.stderr)
        return images
    if path.exists() or not glob.has_magic(argument):
        return [argument]
    matches = glob.glob(argument, recursive=True)  # noqa: PTH207  # Path's takes no pattern from the root
    if not (images := sorted(match for match in matches if Path(match).is_file())):
        raise ValueError(f"no file matches {argument!r}")
    return images


def _below(folder: Path) -> tuple[list[str], list[str]]:
    """Every image below `folder`, and what else is there: files of other kinds, and links to folders.

    Hidden files and folders are nobody's images, and are in neither.
    """
    images: list[str] = []
    others: list[str] = []
    for place, inside, files in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        others += [str(Path(place, name)) for name in inside if Path(place, name).is_symlink()]
        for name in (name for name in files if not name.startswith(".")):
            (images if name.lower().endswith(SUFFIXES) else others).append(str(Path(place, name)))
    return sorted(images), sorted(others)


def _lines() -> Iterator[str]:
    """The paths on stdin, whatever bytes they are of; empty lines are passed over."""
    for line in sys.stdin.buffer:
        if path := os.fsdecode(line.rstrip(b"\r\n")):
            yield path


def _results(batch: list[tuple[str, Future[Read]]]) -> list[tuple[str, Read]]:
    return [(file, future.result()) for file, future in batch]
