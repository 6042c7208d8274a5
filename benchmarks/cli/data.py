"""Fetch a published data set: resumed where it stopped, verified, unpacked, listed in a manifest."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

if TYPE_CHECKING:
    from benchmarks.data.download.archives import Archive

_URL = "URL of a mirror with COCO's folders zips/ and annotations/; by default COCO's own"
_KARPATHY = "URL of caption_datasets.zip or dataset_coco.json, for --year karpathy; by default Karpathy's own"
_HOST = "a host that a server may redirect to; may be given several times"


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """What to fetch, and into which folder."""
    parser.add_argument("dataset", choices=["coco"], help="which data set")
    parser.add_argument("folder", metavar="FOLDER", help="where it goes, for --dataset \"coco(root='FOLDER')\"")
    parser.add_argument("--year", choices=["2017", "2014", "karpathy"], default="2017", help="images and captions")
    parser.add_argument("--splits", default="train,val", help="whose images")
    parser.add_argument("--url", metavar="URL", help=_URL)
    parser.add_argument("--karpathy", metavar="URL", help=_KARPATHY)
    parser.add_argument("--allow-host", action="append", metavar="HOST", default=[], help=_HOST)
    parser.add_argument("--dry-run", action="store_true", help="print what would be fetched, and its size")
    parser.add_argument("--check", action="store_true", help="fetch nothing; read again what is there")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print what is done; with --check, exit code 1 where a file is missing or damaged."""
    from benchmarks.data.download.archives import KARPATHY, OFFICIAL, SPLITS, archives
    from benchmarks.data.download.coco import fetch_coco
    from benchmarks.data.download.manifest import Manifest

    folder = Path(os.path.expanduser(options.folder))  # noqa: PTH111  pathlib's raises where ~ leads nowhere
    if options.karpathy and options.year != "karpathy":
        raise ValueError("--karpathy is for --year karpathy: add it, or leave --karpathy out")
    urls = options.url or OFFICIAL, options.karpathy or KARPATHY
    found = archives(options.year, options.splits.split(","), *urls)
    if options.check:
        return _check(found, folder)
    if options.dry_run:
        return _dry_run(found, folder)
    fetch_coco(found, folder, [host.lower() for host in options.allow_host])
    if lacking := Manifest.load(folder).lacking(archives(options.year, SPLITS, *urls)):
        print(f"{folder} lacks {', '.join(lacking)}, which the data set coco reads too: run again without --splits")
    else:
        print(f'{folder} is ready: --dataset "coco(root={str(folder)!r}, split={options.year!r})"')
    return 0


def _dry_run(archives: "list[Archive]", folder: Path) -> int:
    """One line for each archive: what is there of it, and how much is to fetch and to unpack."""
    from benchmarks.data.download.archives import without_secrets
    from benchmarks.data.download.coco import room, to_fetch

    wanted = to_fetch(archives, folder)
    for archive in archives:
        state = "there" if archive not in wanted else f"{archive.size:,} bytes" if archive.size else "size unknown"
        print(f"{archive.name}  {state}  {without_secrets(archive.url)}")
    most, largest, unpacked = room(wanted, folder)
    print(f"needs {most / 1e9:.1f} GB: {unpacked / 1e9:.1f} GB unpacked, beside an archive of {largest / 1e9:.1f} GB")
    return 0


def _check(archives: "list[Archive]", folder: Path) -> int:
    """Read every file of the manifest again, and see that it lists the archives."""
    from benchmarks.data.download.manifest import NAME, Manifest
    from benchmarks.runtime.progress import bar, write

    manifest = Manifest.load(folder)
    count = sum(len(fetched.files) for fetched in manifest.archives.values())
    if not count:
        raise ValueError(f"no {NAME} in {folder}: caption-zoo data fetches what it lists")
    with bar(count, "checking", "file") as progress:
        problems = manifest.problems(folder, progress)
    remedy = "run again without --check, or with the --year, --splits and --karpathy of what is there"
    problems += [f"{name} was never fetched into {folder}: {remedy}" for name in manifest.lacking(archives)]
    for problem in problems:
        write(f"caption-zoo: {problem}", sys.stderr)
    if not problems:
        print(f"{count:,} files of {', '.join(manifest.archives)} are as they were unpacked")
    return 1 if problems else 0
