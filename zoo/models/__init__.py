"""Pretrained captioners by name: a folder each, of caption-zoo beside this file, of others in their own packages.

An installed distribution advertises each of its own as an entry point of the group ``caption_zoo.pretrained``: the
captioner's name, and the dotted path of its folder, which needs no ``__init__.py``. No package is imported for it.
"""

from fnmatch import filter as like
from importlib.util import find_spec
from pathlib import Path

from registry import RegistryError, UnknownName, entry_points
from zoo.files import CONFIG

FOLDER = Path(__file__).parent  # of the built-in ones
GROUP, KIND = "caption_zoo.pretrained", "pretrained model"
DEFAULT = "coco_small"  # of the commands that put a model to work, where none is named


def names(pattern: str = "*") -> list[str]:
    """Every pretrained captioner, or those like `pattern`, a shell's glob."""
    return like(sorted({*builtin(), *entry_points.advertised(GROUP)}), pattern)


def builtin() -> dict[str, Path]:
    """The folder of each captioner that comes with caption-zoo, by name; what `pack` is writing is none yet."""
    folders = (file.parent for file in FOLDER.glob(f"*/{CONFIG}"))
    return {folder.name: folder for folder in folders if folder.name.isidentifier()}


def exists(name: str) -> bool:
    """Whether there is one of that name."""
    return name in builtin() or bool(entry_points.named(GROUP, name))


def origin(name: str) -> str:
    """Whose it is: "caption-zoo", or the name and version of a distribution."""
    return "caption-zoo" if name in builtin() else entry_points.origin(entry_points.named(GROUP, name)[0])


def model_folder(name: str) -> Path:
    """The folder of the captioner `name`.

    Raises:
        UnknownName: there is none; the message has the nearest names and all that there are.
        RegistryError: two distributions have one of that name, or the one that has it lacks its files.
    """
    ours, points = builtin(), entry_points.named(GROUP, name)
    owners = ["caption-zoo"] * (name in ours) + list(map(entry_points.origin, points))
    if not owners:
        raise UnknownName(KIND, name, names())
    if len(owners) > 1:
        raise RegistryError(f"{KIND} {name!r} is in {owners[0]} and in {owners[1]}: uninstall one of them")
    folder = ours[name] if name in ours else _locate(entry_points.module(points[0]))
    if folder is None:
        raise RegistryError(
            f"{KIND} {name!r} of {owners[0]} is not there: no {CONFIG} in {points[0].value}; update or uninstall it"
        )
    return folder


def _locate(module: str) -> Path | None:
    """The folder at a dotted path, of which the outermost package alone is looked up: a deeper look would import it."""
    package, *inner = module.split(".")
    try:
        spec = find_spec(package)
    except (Exception, SystemExit):  # whatever finders of others raise
        return None
    places = (Path(place, *inner) for place in (spec and spec.submodule_search_locations) or ())
    return next((place for place in places if (place / CONFIG).is_file()), None)
