"""What goes wrong with names; all of it the user's to mend, so all of it is `ValueError`."""

import difflib
from collections.abc import Iterable

_SHOWN = 40


class RegistryError(ValueError):
    """A component cannot be named, found or configured like this."""


class PluginWarning(UserWarning):
    """A plug-in is broken and was left out; the message names it."""


class UnknownName(RegistryError):
    """Nothing goes by that name; the message says what does, the nearest first."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = [str(item) for item in known]
        close = difflib.get_close_matches(name, names, n=3)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        listed = ", ".join(names) or "none" if len(names) <= _SHOWN else f"{len(names)} names"
        super().__init__(f"no {kind} {name!r}.{hint} Known: {listed}.")
