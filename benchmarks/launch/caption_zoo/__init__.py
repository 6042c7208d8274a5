"""What the distribution has under the one name that is surely its own: a command, a pytest plug-in and `require`.

`zoo`, `registry` and `benchmarks` may be names of a user's own modules; nothing here imports them before
it is used.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_OURS = {"registry": "registry.py", "zoo": "captioner.py", "benchmarks": "cli/main.py"}  # each with a file of it
_REMEDY = "rename it, or keep its folder out of Python's path"


def require() -> None:
    """Make `zoo`, `registry` and `benchmarks` caption-zoo's in this process, whatever Python's path is or becomes.

    Raises:
        ImportError: another one is imported already, or caption-zoo's is not there.
    """
    homes = {name: _home(name) for name in _OURS}
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(homes))


class _Finder:
    """Finds each of our packages in a folder of its own, before Python's path is searched; imports none."""

    def __init__(self, homes: Mapping[str, Path]) -> None:
        self._homes = homes

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As Python's import system asks for it."""
        return PathFinder.find_spec(name, [str(self._homes[name])]) if name in self._homes else None


def hidden(*names: str, path: Sequence[str] = ()) -> str | None:
    """Which of our packages another one of its name hides, in a line that says the remedy; or None.

    path: where to look, rather than at what is imported.
    """
    for name in names:
        if (place := _place(name, path)) and not _is_ours(name, place):
            return f"{place} hides caption-zoo's package {name}: {_REMEDY}"
    return None


def create(module: str, name: str, *arguments: Any) -> Any:
    """Call a class of ours. An object that is pickled as this call is found in any process, by `require`."""
    require()
    return getattr(import_module(module), name)(*arguments)


def _place(name: str, path: Sequence[str] = ()) -> Path | None:
    """Where the package or module lies that has this name, or would get it."""
    spec = PathFinder.find_spec(name, path) if path else None
    if not (spec and spec.origin):  # a folder without __init__.py hides nothing but an editable install
        spec = find_spec(name)
    places = [*(spec.submodule_search_locations or []), spec.origin] if spec else []
    return next((Path(place) for place in places if place), None)


def _is_ours(name: str, place: Path) -> bool:
    return (place / _OURS[name]).is_file()


def _home(name: str) -> Path:
    """The folder of ours: where it would be found anyway, or that of this package, or, in a clone, one above."""
    place = _place(name)
    if place and _is_ours(name, place):
        return place.parent
    if name in sys.modules:
        raise ImportError(f"{place} is already imported, and hides caption-zoo's package {name}: {_REMEDY}")
    home = next((folder for folder in Path(__file__).parents if _is_ours(name, folder / name)), None)
    if not home:
        raise ImportError(f"caption-zoo's package {name} is not installed: install caption-zoo again")
    return home
