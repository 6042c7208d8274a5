"""The two doors of the distribution, under the one name that is surely its own: a command and a pytest plug-in.

`zoo`, `registry` and `benchmarks` may be names of a user's own modules; nothing here imports them before
it is used.
"""

from importlib.util import find_spec
from pathlib import Path

_OURS = {"registry": "registry.py", "zoo": "captioner.py", "benchmarks": "cli/main.py"}


def hidden() -> str | None:
    """Which of our packages another one of its name hides, in a line that says the remedy; or None."""
    for name, file in _OURS.items():
        spec = find_spec(name)
        places = list((spec.submodule_search_locations if spec else None) or ())
        if not any((Path(place) / file).is_file() for place in places):
            where = places[0] if places else spec.origin if spec else None
            if where is None:
                return f"its package {name} is not installed: install caption-zoo again"
            return f"{where} hides its package {name}: rename it, or keep its folder out of Python's path"
    return None
