"""Which columns hold the image, its captions, its ID and its split: as named, or found by type and usual name."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.data.formats.rows import TEXT_KEYS

_PICTURE = re.compile(r"image|img|picture|photo|jpg|png", re.IGNORECASE)
_IDS = ("cocoid", "coco_id", "image_id", "imageid", "img_id", "imgid", "filename", "file_name", "image_name")
_CAPTIONS = tuple(
    re.compile(name, re.IGNORECASE)
    for name in (
        r"captions?[ _-]?\d*",
        r"sentences?_raw",
        r"sentences?[ _-]?\d*",
        r"texts?",
        r"answers?[ _-]?\d*",
        r"descriptions?[ _-]?\d*",
    )
)  # the first that a column has counts
_SPLIT = re.compile("split", re.IGNORECASE)

Features = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The names of columns; `image_id` and `split` are None where there is none."""

    image: str
    captions: tuple[str, ...]
    image_id: str | None
    split: str | None

    @property
    def texts(self) -> list[str]:
        """All but the image."""
        return [*self.captions, *(name for name in (self.image_id, self.split) if name is not None)]


def find_columns(features: Features, image: str | None, captions: Sequence[str], image_id: str | None) -> Columns:
    """The columns by the names given, or else found; an `image_id` of "" stands for none.

    Raises:
        ValueError: one is not there or holds something else, or there are none or several; it lists all columns.
    """
    split = next((name for name in features if _SPLIT.fullmatch(name)), None)
    for option, name in (("image", image), *(("captions", name) for name in captions), ("image_id", image_id or None)):
        if name is not None and name not in features:
            raise ValueError(f"no column {name!r}, which {option} names. {_listed(features)}")
    return Columns(
        image=_image(features, image),
        captions=_caption_columns(features, captions),
        image_id=_id(features, image_id),
        split=split if split is not None and _is_plain(features[split]) else None,
    )


def texts(value: Any) -> list[Any]:
    """The texts in a cell: one, a list, or objects with a text under a usual key."""
    if isinstance(value, list):
        return [text for each in value for text in ((each,) if isinstance(each, str) else texts(each))]
    if isinstance(value, dict):
        return texts(next((value[key] for key in TEXT_KEYS if key in value), None))
    return [value]


def label(feature: Any, value: Any) -> Any:
    """The name of a class, where a column holds its number."""
    names = getattr(feature, "names", None)
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _image(features: Features, given: str | None) -> str:
    found = [given] if given is not None else [name for name, feature in features.items() if _is_image(feature)]
    if given is not None and not _is_image(features[given]):
        raise ValueError(f"column {given!r} holds no images, but {features[given]}. {_listed(features)}")
    named = [name for name in found if _PICTURE.fullmatch(name)]
    if len(found) != 1 and len(named) != 1:
        raise ValueError(f"{_count(found, 'holds images')}: name it with image='...'. {_listed(features)}")
    return found[0] if len(found) == 1 else named[0]


def _caption_columns(features: Features, given: Sequence[str]) -> tuple[str, ...]:
    for name in given:
        if not _holds_texts(features[name]):
            raise ValueError(f"column {name!r} holds no texts, but {features[name]}. {_listed(features)}")
    if given:
        return tuple(given)
    for pattern in _CAPTIONS:
        found = [name for name, each in features.items() if pattern.fullmatch(name) and _holds_texts(each)]
        if len([name for name in found if not name[-1].isdigit()]) > 1:
            raise ValueError(f"{_count(found, 'may hold captions')}: name it with captions='...'. {_listed(features)}")
        if found:
            return tuple(found)
    raise ValueError(f"no column is named as captions are: name it with captions='...'. {_listed(features)}")


def _id(features: Features, given: str | None) -> str | None:
    if given:
        if not _is_plain(features[given]):
            raise ValueError(f"column {given!r} holds no IDs, but {features[given]}. {_listed(features)}")
        return given
    known = {name.lower(): name for name, feature in features.items() if _is_plain(feature)}
    return next((known[name] for name in _IDS if name in known), None) if given is None else None


def _is_image(feature: Any) -> bool:
    """Of the type Image; or bytes, or bytes and a path, as a parquet file holds it that does not say so."""
    if isinstance(feature, dict):
        return set(feature) == {"bytes", "path"} and _dtype(feature["bytes"]) in ("binary", "large_binary")
    return type(feature).__name__ == "Image" or _dtype(feature) in ("binary", "large_binary")


def _holds_texts(feature: Any) -> bool:
    if isinstance(feature, dict):
        return any(key in feature and _holds_texts(feature[key]) for key in TEXT_KEYS)
    if isinstance(feature, list):
        return _holds_texts(feature[0])
    inner = getattr(feature, "feature", None)  # of a list
    return _holds_texts(inner) if inner is not None else _dtype(feature) in ("string", "large_string")


def _is_plain(feature: Any) -> bool:
    return _dtype(feature).startswith(("string", "large_string", "int", "uint", "float"))


def _dtype(feature: Any) -> str:
    return str(getattr(feature, "dtype", ""))


def _count(names: Sequence[str], what: str) -> str:
    return f"more than one column {what}, {', '.join(map(repr, names))}" if names else f"no column {what}"


def _listed(features: Features) -> str:
    return f"Its columns are {', '.join(_shown(features))}"


def _shown(names: Iterable[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number == 40:
            yield "..."
            return
        yield repr(name)[:40]
