"""The archives that COCO consists of: where they are published, what of them is kept, and their checksums."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from benchmarks.data.formats.coco_layout import Layout

# The host of COCO's own links, images.cocodataset.org, has no certificate of that name. It is this bucket.
OFFICIAL = "https://s3.amazonaws.com/images.cocodataset.org"
KARPATHY = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
SPLITS = ("train", "val")
SPLITS_FILE = "dataset_coco.json"  # as Karpathy named it

_KNOWN = {  # bytes and SHA-256, as several projects publish them alike
    "train2017.zip": (19336861798, "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"),
    "val2017.zip": (815585330, "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"),
    "annotations_trainval2017.zip": (252907541, "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268"),
    "train2014.zip": (13510573713, "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775"),
    "val2014.zip": (6645013297, "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0"),
    "annotations_trainval2014.zip": (252872794, "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009"),
    "caption_datasets.zip": (36745453, "4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817"),
}
_CAPTIONS_ROOM = 160_000_000  # bytes that the captions of a layout take, at most
_OVERHEAD = 1.02  # photographs do not shrink in an archive; what file systems add to each of them


@dataclass(frozen=True)
class Archive:
    """A file to fetch, and what is kept of it.

    targets: files below the data set's folder; or one folder, with a slash at its end, of photographs.
    room: bytes that they take, about.
    size, sha256: of the archive, in bytes and in hexadecimal digits, or None where they are not known.
    """

    name: str
    url: str
    targets: tuple[str, ...]
    room: int
    size: int | None
    sha256: str | None

    @property
    def is_folder(self) -> bool:
        """Whether a folder of photographs is kept, and not single files."""
        return self.targets[0].endswith("/")

    def target(self, member: str) -> str | None:
        """Where a member of the archive goes, or None where it is not kept; captions may lie in any folder there."""
        if self.is_folder:
            photo = rf"{self.targets[0]}(?:COCO_\w{{3,5}}\d{{4}}_)?\d{{12}}\.jpg"
            return member if re.fullmatch(photo, member, re.ASCII) else None
        base = member.rpartition("/")[2]
        return next((target for target in self.targets if target.rpartition("/")[2] == base), None)


def archives(
    layout: Layout, splits: Sequence[str] = SPLITS, base: str = OFFICIAL, karpathy: str = KARPATHY
) -> list[Archive]:
    """What has to be fetched for a layout of the data set `coco`, the captions first.

    Args:
        splits: whose images; captions come whole.
        base: URL of COCO's files or of a mirror, which has them below ``zips/`` and ``annotations/`` too.
        karpathy: URL of his splits: a zip archive that holds ``dataset_coco.json``, or that file itself.

    Raises:
        ValueError: there is no such split, or none.
    """
    if not splits or not set(splits) <= set(SPLITS):
        raise ValueError(f"COCO has no splits {', '.join(splits) or 'of no name'}: choose among {', '.join(SPLITS)}")
    base, year = base.rstrip("/"), "2014" if layout == "karpathy" else layout
    if layout == "karpathy":
        known = karpathy == KARPATHY
        name = "caption_datasets.zip" if known else "karpathy"
        captions = _archive(name, karpathy, (SPLITS_FILE,), _CAPTIONS_ROOM)
    else:
        name = f"annotations_trainval{year}.zip"
        targets = tuple(f"annotations/captions_{split}{year}.json" for split in SPLITS)
        captions = _archive(name, f"{base}/annotations/{name}", targets, _CAPTIONS_ROOM)
    images = [f"{split}{year}" for split in SPLITS if split in splits]
    return [captions, *(_archive(f"{name}.zip", f"{base}/zips/{name}.zip", (f"{name}/",)) for name in images)]


def without_secrets(url: str) -> str:
    """A URL to show and to keep: without password and query, which may be a signature."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _archive(name: str, url: str, targets: tuple[str, ...], room: int | None = None) -> Archive:
    size, sha256 = _KNOWN.get(name, (None, None))
    return Archive(name, url, targets, room or round((size or 0) * _OVERHEAD), size, sha256)
