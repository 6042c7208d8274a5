"""The class that all components of a kind derive from: imported from the registry's home when first needed."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from registry.errors import RegistryError
from registry.spec import Spec


class Interface(NamedTuple):
    """The class `name` of the package `home`."""

    kind: str
    home: str
    name: str

    def check(self, factory: Callable[..., Any], name: str) -> None:
        """Refuse a class of something else; what a function returns is checked in `build`."""
        if inspect.isclass(factory) and not issubclass(factory, self._type()):
            raise RegistryError(
                f"{self.kind} {name!r}: the class {where(factory)} is no {self.name}: derive it from {self}"
            )

    def build(self, spec: Spec, factory: Callable[..., Any], sizes: tuple[Any, ...]) -> Any:
        """What `factory` makes of `spec` and `sizes`.

        Raises:
            RegistryError: it does not take them, or makes something else than this interface.
        """
        arguments = (spec.variant, *sizes) if spec.variant else sizes
        try:
            built = factory(*arguments, **spec.options)
        except TypeError as error:
            raise RegistryError(
                f"{self.kind} {spec} cannot be built by {where(factory)} from {len(sizes)} sizes "
                f"and {len(spec.options)} options: {' '.join(str(error).split())}"
            ) from error
        if not isinstance(built, self._type()):
            raise RegistryError(
                f"{self.kind} {spec}: {where(factory)} made a {type(built).__name__}, which is no {self.name}: "
                f"it should return an instance of {self}"
            )
        return built

    def _type(self) -> type:
        return object if self.name == "object" else getattr(import_module(self.home), self.name)

    def __str__(self) -> str:
        return f"{self.home}.{self.name}"


def where(factory: Callable[..., Any]) -> str:
    """Module and name of a class or function."""
    return f"{factory.__module__}.{getattr(factory, '__qualname__', repr(factory))}"
