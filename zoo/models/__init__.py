"""Pretrained captioners by name: a folder each, of caption-zoo beside this file, of others in their own packages.

An installed distribution advertises each of its own as an entry point of the group ``caption_zoo.pretrained``: the
captioner's name, and the dotted path of its folder, which needs no ``__init__.py``. Names are listed without an import.
"""

from fnmatch import filter as like
from importlib.util import find_spec
from pathlib import Path

from registry import RegistryError, UnknownName, entry_points
from zoo.files import CONFIG

HOME = Path(__file__).parent
GROUP, KIND = "caption_zoo.pretrained", "pretrained model"
DEFAULT = "coco_small"  # of the commands that put a model to work, where none is named


def names(pattern: str = "*") -> list[str]:
    """Every pretrained captioner, or those like `pattern`, a shell's glob."""
    return like(sorted({*_at_home(), *entry_points.advertised(GROUP)}), pattern)


def origin(name: str) -> str:
    """Whose it is: "caption-zoo", or the name and version of a distribution."""
    return "caption-zoo" if name in _at_home() else entry_points.origin(entry_points.advertised(GROUP)[name][0])


def find(name: str) -> Path:
    """The folder of the captioner `name`.

    Raises:
        UnknownName: there is none; the message has the nearest names and all that there are.
        RegistryError: two distributions have one of that name, or the one that has it lacks its files.
    """
    at_home, points = _at_home(), entry_points.advertised(GROUP).get(name, [])
    owners = ["caption-zoo"] * (name in at_home) + list(map(entry_points.origin, points))
    if not owners:
        raise UnknownName(KIND, name, names())
    if len(owners) > 1:
        raise RegistryError(f"{KIND} {name!r} is in {owners[0]} and in {owners[1]}: uninstall one of them")
    folder = at_home[name] if name in at_home else _located(points[0].value)
    if folder is None:
        raise RegistryError(
            f"{KIND} {name!r} of {owners[0]} is not there: no {CONFIG} in {points[0].value}; update or uninstall it"
        )
    return folder


def _at_home() -> dict[str, Path]:
    return {file.parent.name: file.parent for file in HOME.glob(f"*/{CONFIG}")}


def _located(module: str) -> Path | None:
    """The folder of a package that holds a captioner; importing what lies above it may fail in any way."""
    try:
        spec = find_spec(module)
    except Exception:
        return None
    places = map(Path, spec.submodule_search_locations or ()) if spec else ()
    return next((place for place in places if (place / CONFIG).is_file()), None)
