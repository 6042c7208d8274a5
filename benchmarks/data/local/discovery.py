"""Which files of a folder hold its captions: those that are called as captions are, in one form."""

import re
from collections import defaultdict
from fnmatch import fnmatchcase
from glob import escape

from benchmarks.data.formats.rows import SPLITS
from benchmarks.data.formats.table import SUFFIXES
from benchmarks.data.local.listing import Listing

BESIDE = "*.txt"  # the text file beside each image
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join(SPLITS)})(?![a-z])", re.IGNORECASE)
_METADATA = re.compile(r"(?:.*/)?metadata(\.csv|\.jsonl)")  # of Hugging Face: one in each folder that needs it
_TEXT = re.compile(r"captions?\.txt|(flickr|results).*\.token(\.txt)?", re.IGNORECASE)  # Kaggle's and Flickr's own
_OTHER = re.compile(r"(instances|person_keypoints|stuff|panoptic)_.*\.json|.*image_info.*\.json|.*\.lemma\.token\.txt")
_SHOWN = 8


def split_word(name: str) -> str | None:
    """The split that a file's name or folder says, "train", "validation" or "test"; the word nearest to its end."""
    words = _SPLIT.findall(name)
    return SPLITS[words[-1].lower()] if words else None


def find_captions(listing: Listing) -> str:
    """The name of the captions file, or a pattern for those that differ in the split alone.

    A form that lies at the top, and is the only one there, counts before what lies below and beside images.

    Raises:
        ValueError: there is none, or there are several forms; it lists them.
    """
    forms = _forms(listing)
    at_top = {pattern: names for pattern, names in forms.items() if any("/" not in name for name in names)}
    if len(at_top) == 1:
        forms = at_top
    found = sorted(names[0] if len(names) == 1 else pattern for pattern, names in forms.items())
    if len(at_top) != 1 and 2 * len(text_files(listing, BESIDE)) > len(listing.images):
        found.append(BESIDE)
    if len(found) == 1:
        return found[0]
    if not found:
        has = f"no file that ends in {', '.join(SUFFIXES)}, no captions.txt or *.token.txt, no .txt beside most images"
        raise ValueError(f"{listing.folder} has {has}: say which one holds the captions with captions='...'")
    shown = " or ".join(f"captions={name!r}" for name in found[:_SHOWN]) + (" or others" if found[_SHOWN:] else "")
    raise ValueError(f"{listing.folder} has several captions files: say which one holds the captions with {shown}")


def matching(listing: Listing, captions: str) -> list[str]:
    """The files that a name or a pattern means, where * stands for anything, folders too; a name alone stays itself.

    A pattern of `find_captions` means the files that it stands for there, and no others that happen to match.

    Raises:
        ValueError: nothing matches a pattern.
    """
    if listing.has(captions) or not re.search(r"[*?\[]", captions):
        return [captions]
    text = captions.endswith(BESIDE[1:])
    matches = (name for name in listing.files if fnmatchcase(name, captions))
    found = _forms(listing).get(captions) or [name for name in matches if not text or _is_captions(_last(name))]
    if not found:
        what = "text beside an image" if text else "file"
        raise ValueError(f"{listing.folder} has no {what} that matches captions={captions!r}")
    return sorted(found)


def text_files(listing: Listing, pattern: str) -> dict[str, str]:
    """Image -> the text file beside it, for each that has one which matches."""
    beside = {name: f"{name.rpartition('.')[0]}.txt" for name in listing.images}
    return {name: text for name, text in beside.items() if text in listing.files and fnmatchcase(text, pattern)}


def _forms(listing: Listing) -> dict[str, list[str]]:
    """The files that are called as captions are, by the pattern of those that differ in the split alone."""
    forms: dict[str, list[str]] = defaultdict(list)
    stems = {name.rpartition(".")[0] for name in listing.images}
    for name in listing.files:
        stem, _, ending = name.rpartition(".")
        if _is_captions(_last(name)) and not (ending in ("json", "txt") and stem in stems):
            metadata = _METADATA.fullmatch(name)
            forms[f"*metadata{metadata[1]}" if metadata else _SPLIT.sub("*", escape(name))].append(name)
    return forms


def _is_captions(name: str) -> bool:
    if _OTHER.fullmatch(name):
        return False
    return name.lower().endswith(SUFFIXES) or bool(_TEXT.fullmatch(name))


def _last(name: str) -> str:
    return name.rpartition("/")[2]
