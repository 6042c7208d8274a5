"""The registry: names to factories, nothing imported before it is used."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from fnmatch import filter as like
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar

from registry import entry_points
from registry.component import Component, is_interactive, source_file
from registry.errors import PluginWarning, RegistryError, UnknownName
from registry.interface import Interface, where
from registry.options import check, options
from registry.sources import Declaration, declarations
from registry.spec import Spec

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]]):
    """A read-only mapping from names to factories of one kind of component.

    A name is known when a module of the `home` package registers it, when an installed
    distribution advertises it in the entry-point `group`, or once `register` was called.
    The first two are imported on first use.

    `name` is what the home calls this registry, and `interface` the class there that every
    component is derived from.

    A factory's positional parameters are sizes, filled in by whoever builds it; its
    keyword-only parameters are the component's own options, open to a `Spec`. One with
    a static method ``variants()`` takes one of those names as its first positional
    parameter, spelled ``name/variant``.
    """

    def __init__(self, kind: str, *, home: str, name: str, group: str, interface: str = "object") -> None:
        self.kind, self.home, self.name, self.group = kind, home, name, group
        self.interface = Interface(kind, home, interface)
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator: file a class or function under `name`.

        Raises:
            RegistryError: no Spec can spell the name, something else has it, or a class is not of the interface.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise RegistryError(
                f'{self.kind} {name!r}: write @{self.name}.register("a_name"), of letters, digits and underscores'
            )

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            self.interface.check(factory, name)
            if rival := self._rival(name, factory):
                raise self._clash(name, rival, where(factory))
            self._factories[name] = factory
            return factory

        return add

    def __getitem__(self, name: str) -> Callable[..., T]:
        if name in self._factories:
            return self._factories[name]
        if name not in self:
            raise UnknownName(
                self.kind, name, self, branches=[item.name for item in self.components() if item.variants]
            )
        points = self.plugins.get(name, [])
        owners = [self._at_home[name].module] if name in self._at_home else []
        owners += [point.value for point in points]
        if len(owners) > 1:
            raise self._clash(name, owners[0], f"plug-in {owners[1]}")
        if points:
            factory = entry_points.load(self.kind, points[0])
            if self._factories.get(name, factory) is not factory:  # its own decorator has filed another one
                raise self._clash(name, where(self._factories[name]), where(factory))
            self.register(name)(factory)
        else:
            import_module(self._at_home[name].module)
            if name not in self._factories:
                raise RegistryError(f"{self.kind} {name!r} is written in {owners[0]}, which does not register it")
        return self._factories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._factories, *self._at_home, *self.plugins}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._factories or name in self._at_home or name in self.plugins

    def check(self, spec: "str | Spec") -> Spec:
        """Raise in a second what `build` would raise hours into a run.

        Raises:
            RegistryError: no such name, variant, option or value; says what there is.
        """
        spec = Spec.parse(spec)
        check(spec, self[spec.name], self.kind)
        return spec

    def build(self, spec: "str | Spec", *sizes: Any) -> T:
        """Build what `spec` names, passing its variant and `sizes` by position.

        Raises:
            RegistryError: as `check`; or it does not take those sizes, or is not of the interface.
        """
        spec = self.check(spec)
        return self.interface.build(spec, self[spec.name], sizes)

    def options(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The keyword-only parameters of `name`: its options, their types and defaults.

        Raises:
            RegistryError: they cannot be read off its signature.
        """
        return options(self[name], self.kind, name)

    def names(self, pattern: str = "*") -> list[str]:
        """Everything that can be built, with all variants, or what of it is like `pattern`, a shell's glob.

        Imports what has variants, and plug-ins; one that is broken is left out with a `PluginWarning`.
        """
        spellings = [spelling for name in self for spelling in self._spellings(name)]
        return like(spellings, pattern)

    def components(self) -> list[Component]:
        """Everything known, by name; what is not imported yet is read off its source."""
        components = {
            name: Component(name, entry_points.summary(point), entry_points.module(point), self.origin(name))
            for name, (point, *_) in self.plugins.items()
        }
        for name, item in self._at_home.items():
            components[name] = Component(name, item.summary, item.module, self.origin(name), item.variants)
        for name, factory in self._factories.items():
            summary = (inspect.getdoc(factory) or "").partition("\n")[0]
            variants = hasattr(factory, "variants")
            components[name] = Component(name, summary, factory.__module__, self.origin(name), variants)
        return [components[name] for name in sorted(components)]

    def origin(self, name: str) -> str:
        """Where `name` comes from: "caption-zoo", a distribution, or a plug-in's file."""
        if name in self._at_home:
            return "caption-zoo"
        if name in self.plugins:
            return entry_points.origin(self.plugins[name][0])
        return Path(source_file(self[name]) or self[name].__module__).name

    @cached_property
    def plugins(self) -> Mapping[str, list[EntryPoint]]:
        """What installed distributions advertise, by name; whether it can be imported is another matter."""
        return entry_points.advertised(self.group)

    def _spellings(self, name: str) -> list[str]:
        """`name`, or with each of its variants; none and a warning where a plug-in is broken."""
        at_home = self._at_home.get(name)
        if at_home and not at_home.variants:
            return [name]
        try:
            variants = getattr(self[name], "variants", None)
            return [name] if variants is None else [f"{name}/{variant}" for variant in variants()]
        except Exception as error:
            named = isinstance(error, RegistryError)
            if at_home and not named:
                raise
            why = error if named else f"{self.kind} {name!r} cannot tell its variants: {error!r}"
            warnings.warn(str(why), PluginWarning, stacklevel=4)
            return []

    def _rival(self, name: str, factory: Callable[..., T]) -> str | None:
        """Who else has `name`, if anybody."""
        earlier = self._factories.get(name)
        if earlier and where(earlier) != where(factory) and not (is_interactive(earlier) and is_interactive(factory)):
            return where(earlier)  # the same place again is a plug-in loaded after a mistake
        if name in self._at_home:
            home = self._at_home[name].module
            return None if home == factory.__module__ else home
        points = self.plugins.get(name, [])
        packages = {entry_points.module(point).partition(".")[0] for point in points}
        return points[0].value if points and factory.__module__.partition(".")[0] not in packages else None

    def _clash(self, name: str, taken: str, wants: str) -> RegistryError:
        return RegistryError(f"{self.kind} {name!r} is already {taken}: {wants} needs another name")

    @cached_property
    def _at_home(self) -> dict[str, Declaration]:
        found: dict[str, Declaration] = {}
        for item in declarations(self.home, self.name):
            if found.setdefault(item.name, item).module != item.module:
                raise self._clash(item.name, found[item.name].module, item.module)
        return found
