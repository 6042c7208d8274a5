"""What goes wrong with names; all of it the user's to mend, so all of it is `ValueError`."""

import difflib
from collections.abc import Iterable, Sequence

_SHOWN = 40


class RegistryError(ValueError):
    """A component cannot be named, found or configured like this."""


class PluginWarning(UserWarning):
    """A plug-in is broken and was left out; the message names it."""


class UnknownName(RegistryError):
    """Nothing goes by that name; the message says what does, the nearest first.

    `branches` are those of the names that have variants, one of which may have been meant.
    """

    def __init__(self, kind: str, name: str, names: Iterable[str], *, branches: Sequence[str] = ()) -> None:
        listed = [str(item) for item in names]
        by_lower = {item.lower(): item for item in listed}
        close = [by_lower[item] for item in difflib.get_close_matches(name.lower(), by_lower, n=3)]
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        if branches and not close:
            hint = f" Perhaps a variant: {' or '.join(f'{item}/{name}' for item in branches)}?"
        available = ", ".join(listed) or "none" if len(listed) <= _SHOWN else f"{len(listed)} names"
        super().__init__(f"no {kind} {name!r}.{hint} Known: {available}.")
