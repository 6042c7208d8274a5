"""What the distribution has under the one name that is surely its own: a command, a pytest plug-in and `require`.

`zoo`, `registry` and `benchmarks` may be names of a user's own modules; nothing here imports them before
it is used. Ours are those that lie where this package does, whatever files another one has.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_OURS = ("registry", "zoo", "benchmarks")
_REMEDY = "rename it, or keep its folder out of Python's path"


def require() -> None:
    """Make `zoo`, `registry` and `benchmarks` caption-zoo's in this process, whatever Python's path is or becomes.

    Raises:
        ImportError: another one is imported already, or caption-zoo's is not there.
    """
    home = _home()
    for name in _OURS:
        if name in sys.modules and (place := _place(name)) and not _is_ours(name, place):
            raise ImportError(f"{place} is already imported, and hides caption-zoo's package {name}: {_REMEDY}")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(home))


class _Finder:
    """Finds each of our packages in the folder that has them, before Python's path is searched; imports none."""

    def __init__(self, home: Path) -> None:
        self._home = str(home)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As Python's import system asks for it."""
        return PathFinder.find_spec(name, [self._home]) if name in _OURS else None


def hidden(*names: str, path: Sequence[str] = ()) -> str | None:
    """Which of our packages another one of its name hides, in a line that says the remedy; or None.

    path: where to look, rather than at what is imported.

    Raises:
        ImportError: caption-zoo's packages are not there.
    """
    for name in names:
        if (place := _place(name, path)) and not _is_ours(name, place):
            return f"{place} hides caption-zoo's package {name}: {_REMEDY}"
    return None


def create(module: str, name: str, *arguments: Any) -> Any:
    """Call a class of ours. An object that is pickled as this call is found in any process, by `require`."""
    require()
    return getattr(import_module(module), name)(*arguments)


def _place(name: str, path: Sequence[str] = ()) -> str | None:
    """Where the package or module lies that has this name, or would get it."""
    spec = PathFinder.find_spec(name, path) if path else None
    if not (spec and spec.origin):  # a folder without __init__.py hides nothing but an editable install
        try:
            spec = find_spec(name)
        except ValueError:  # it is imported and has no spec, as a stub that a test made
            return getattr(sys.modules[name], "__file__", None) or repr(sys.modules[name])
    places = [*(spec.submodule_search_locations or []), spec.origin] if spec else []
    return next((place for place in places if place), None)


def _is_ours(name: str, place: str) -> bool:
    return Path(place).exists() and Path(place).samefile(_home() / name)


def _home() -> Path:
    """The folder of ours: that of this package, or in a clone its root."""
    beside = Path(__file__).parents[1]
    for folder in (beside, beside.parents[1]):
        if all((folder / name / "__init__.py").is_file() for name in _OURS):
            return folder
    raise ImportError(
        "caption-zoo's packages registry, zoo and benchmarks are not installed: install caption-zoo again"
    )
