"""Components that installed distributions advertise: known by name, imported on first use."""

import warnings
from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import Any

from registry.errors import PluginWarning, RegistryError


def advertised(group: str) -> dict[str, list[EntryPoint]]:
    """Every entry point of `group`, by name; of one name there may be several.

    One whose name no Spec can spell is left out with a `PluginWarning`.
    """
    points: dict[str, list[EntryPoint]] = {}
    for point in _installed().select(group=group):
        if point.name.isidentifier():
            points.setdefault(point.name, []).append(point)
        else:
            why = f"{group} {point.name!a} of {origin(point)} is left out: names are letters, digits and underscores"
            warnings.warn(why, PluginWarning, stacklevel=2)
    return points


def named(group: str, name: str) -> list[EntryPoint]:
    """Those of `group` that have this name, one a Spec can spell; whatever others are called is no matter."""
    return list(_installed().select(group=group, name=name)) if name.isidentifier() else []


@cache
def _installed() -> Any:
    """Those of all distributions, each of which is read: once for all groups. The class is another in 3.11."""
    return metadata.entry_points()


def load(kind: str, point: EntryPoint) -> Any:
    """What `point` stands for.

    Raises:
        RegistryError: it cannot be imported; the message says why, and whose it is.
    """
    try:
        factory = point.load()
        if not callable(factory):
            raise TypeError("it is no class and no function")
        return factory
    except (Exception, SystemExit) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        remedy = f"; update or uninstall {origin(point)}" if point.dist else ""
        raise RegistryError(
            f"{kind} {point.name!r} of plug-in {point.value} could not be loaded: {why}{remedy}"
        ) from error


def summary(point: EntryPoint) -> str:
    """What a list shows of it without an import; says where its package is missing."""
    package = module(point).partition(".")[0]
    spec = package and find_spec(package)
    return f"plug-in {point.value}" + ("" if spec else f", broken: there is no module {package!r}")


def module(point: EntryPoint) -> str:
    """The module it names; `EntryPoint.module` raises where that is no valid name."""
    return point.value.partition(":")[0].strip()


def origin(point: EntryPoint) -> str:
    """Name and version of the distribution, or what the entry point names where there is none."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
