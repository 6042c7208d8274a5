"""The registry: names to factories, nothing imported before it is asked for."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from registry.errors import RegistryError, UnknownName
from registry.options import misfit
from registry.sources import Declaration, declarations
from registry.spec import Spec

T = TypeVar("T")


@dataclass(frozen=True)
class Component:
    """What can be told of a registered name without building it.

    `source` is the module that defines it; `origin` is where that came from:
    "caption-zoo", a distribution, or the plug-in's file.
    """

    name: str
    summary: str
    source: str
    origin: str


class Registry(Mapping[str, Callable[..., T]]):
    """A read-only mapping from names to factories of one kind of component.

    A name is known when a module of the `home` package registers it, when an installed
    distribution advertises it in the entry-point `group`, or once `register` was called.
    The first two are imported on first use.

    A factory's positional parameters are sizes, filled in by whoever builds it; its
    keyword-only parameters are the component's own options, open to a `Spec`. One with
    a static method ``variants()`` takes one of those names as its first positional
    parameter, spelled ``name/variant``.
    """

    def __init__(self, kind: str, *, home: str, group: str) -> None:
        self.kind, self.home, self.group = kind, home, group
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator: file a class or function under `name`.

        Raises:
            RegistryError: something else has that name.
        """

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            if rival := self._rival(name, factory):
                raise self._clash(name, rival, _where(factory))
            self._factories[name] = factory
            return factory

        return add

    def __getitem__(self, name: str) -> Callable[..., T]:
        if name in self._factories:
            return self._factories[name]
        if name not in self:
            raise UnknownName(self.kind, name, self)
        points = self._advertised.get(name, [])
        owners = [self._at_home[name]] if name in self._at_home else []
        owners += [point.value for point in points]
        if len(owners) > 1:
            raise self._clash(name, owners[0], f"plug-in {owners[1]}")
        if points:
            self._factories[name] = self._load(points[0])
        else:
            import_module(self._at_home[name])
        return self._factories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._factories, *self._at_home, *self._advertised}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._factories or name in self._at_home or name in self._advertised

    def check(self, spec: "str | Spec") -> Spec:
        """Raise in a second what `build` would raise hours into a run.

        Raises:
            RegistryError: no such name, variant, option or value; says what there is.
        """
        spec = Spec.parse(spec)
        factory = self[spec.name]
        variants = getattr(factory, "variants", None)
        if variants is None and spec.variant is not None:
            raise RegistryError(f"{self.kind} {spec.name!r} has no variants: {spec} should be {spec.name}")
        if variants is not None and spec.variant is None:
            raise RegistryError(
                f"{self.kind} {spec.name!r} needs a variant: {spec.name}/NAME, of {len(variants())} names"
            )
        if variants is not None and spec.variant not in variants():
            raise UnknownName(f"{self.kind} of {spec.name}", spec.variant or "", variants())
        accepted = self.options(spec.name)
        for option, value in spec.options.items():
            if option not in accepted:
                raise UnknownName(f"option of {self.kind} {spec.name!r}", option, accepted)
            if wanted := misfit(value, accepted[option].annotation):
                raise RegistryError(f"{self.kind} {spec.name!r}: {option}={value!r} should be {wanted}")
        for option, parameter in accepted.items():
            if parameter.default is parameter.empty and option not in spec.options:
                raise RegistryError(f"{self.kind} {spec.name!r} needs the option {option}: {spec.name}({option}=...)")
        return spec

    def build(self, spec: "str | Spec", *sizes: Any) -> T:
        """Build what `spec` names, passing its variant and `sizes` by position."""
        spec = self.check(spec)
        variant = (spec.variant,) if spec.variant else ()
        return self[spec.name](*variant, *sizes, **spec.options)

    def options(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The keyword-only parameters of `name`: its options, their types and defaults."""
        parameters = inspect.signature(self[name], eval_str=True).parameters
        return {key: value for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY}

    def components(self) -> list[Component]:
        """Everything known, by name; what is not imported yet is read off its source."""
        found = {
            name: Component(name, f"plug-in {points[0].value}", points[0].module, self.origin(name))
            for name, points in self._advertised.items()
        }
        found |= {item.name: Component(item.name, item.summary, item.module, "caption-zoo") for item in self._declared}
        for name, factory in self._factories.items():
            summary = (inspect.getdoc(factory) or "").partition("\n")[0]
            found[name] = Component(name, summary, factory.__module__, self.origin(name))
        return [found[name] for name in sorted(found)]

    def origin(self, name: str) -> str:
        """Where `name` comes from: "caption-zoo", a distribution, or a plug-in's file."""
        if name in self._at_home:
            return "caption-zoo"
        if name in self._advertised:
            point = self._advertised[name][0]
            return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        return Path(inspect.getsourcefile(self[name]) or self[name].__module__).name

    def _load(self, point: EntryPoint) -> Callable[..., T]:
        try:
            factory: Callable[..., T] = point.load()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise RegistryError(
                f"{self.kind} {point.name!r} of plug-in {point.value} could not be loaded: {why}"
            ) from error
        return factory

    def _rival(self, name: str, factory: Callable[..., T]) -> str | None:
        """Who else has `name`, if anybody."""
        if name in self._factories:
            return None if self._factories[name] is factory else _where(self._factories[name])
        if name in self._at_home:
            return None if self._at_home[name] == factory.__module__ else self._at_home[name]
        values = [point.value for point in self._advertised.get(name, [])]
        advertised = {value.replace(":", ".") for value in values}
        return values[0] if values and _where(factory) not in advertised else None

    def _clash(self, name: str, taken: str, wants: str) -> RegistryError:
        return RegistryError(f"{self.kind} {name!r} is already {taken}: {wants} needs another name")

    @cached_property
    def _declared(self) -> list[Declaration]:
        return declarations(self.home)

    @cached_property
    def _at_home(self) -> dict[str, str]:
        return {item.name: item.module for item in self._declared}

    @cached_property
    def _advertised(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            found.setdefault(point.name, []).append(point)
        return found


def _where(factory: Callable[..., Any]) -> str:
    return f"{factory.__module__}.{factory.__qualname__}"
