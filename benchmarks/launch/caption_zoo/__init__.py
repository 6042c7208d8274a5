"""What the distribution has under the one name that is surely its own: a command, a pytest plug-in and `require`.

`zoo`, `registry` and `benchmarks` may be names of a user's own modules; nothing here imports them before
it is used.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

_OURS = {"registry": "registry.py", "zoo": "captioner.py", "benchmarks": "cli/main.py"}  # each with a file of it
_REMEDY = "rename it, or keep its folder out of Python's path"


def require() -> None:
    """Make `zoo`, `registry` and `benchmarks` caption-zoo's in this process, whatever comes first in Python's path.

    Raises:
        ImportError: another one is imported already, or caption-zoo's is not there.
    """
    for name in _OURS:
        if _is_ours(name, place := _place(name)):
            continue
        if name in sys.modules:
            raise ImportError(f"{place} is already imported, and hides caption-zoo's package {name}: {_REMEDY}")
        _load(name)


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


def _is_ours(name: str, place: Path | None) -> bool:
    return bool(place and (place / _OURS[name]).is_file())


def _load(name: str) -> None:
    """Import ours from where this package lies: beside it, or, in a clone, above it."""
    home = next((folder for folder in Path(__file__).parents if _is_ours(name, folder / name)), None)
    spec = PathFinder.find_spec(name, [str(home)])
    if not (home and spec and spec.loader):
        raise ImportError(f"caption-zoo's package {name} is not installed: install caption-zoo again")
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
