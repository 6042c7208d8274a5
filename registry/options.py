"""The options of a component, read off its signature, and whether a Spec gives them rightly."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from registry.errors import RegistryError, UnknownName
from registry.spec import Spec
from registry.types import type_error


def options(factory: Callable[..., Any], kind: str, name: str) -> Mapping[str, inspect.Parameter]:
    """The keyword-only parameters of `factory`, with what their annotations mean where these are strings.

    Raises:
        RegistryError: they cannot be read off its signature.
    """
    annotated = factory.__init__ if inspect.isclass(factory) else factory
    try:
        parameters = inspect.signature(factory, eval_str=True).parameters
        hints = get_type_hints(annotated, include_extras=True) if hasattr(annotated, "__annotations__") else {}
    except Exception as error:  # types that are there for type checkers only, for example
        raise RegistryError(f"{kind} {name!r}: its options cannot be read: {error}") from error
    return {
        key: value.replace(annotation=hints.get(key, value.annotation))
        for key, value in parameters.items()
        if value.kind is value.KEYWORD_ONLY
    }


def check(spec: Spec, factory: Callable[..., Any], kind: str) -> None:
    """Compare `spec` with what `factory` takes.

    Raises:
        RegistryError: no such variant, option or value; says what there is.
    """
    _check_variant(spec, getattr(factory, "variants", None), kind)
    accepted = options(factory, kind, spec.name)
    for option, value in spec.options.items():
        if option not in accepted:
            raise UnknownName(f"option of {kind} {spec.name!r}", option, accepted)
        if wanted := type_error(value, accepted[option].annotation):
            raise RegistryError(f"{kind} {spec.name!r}: {option}={value!r} should be {wanted}")
    for option, parameter in accepted.items():
        if parameter.default is parameter.empty and option not in spec.options:
            raise RegistryError(f"{kind} {spec.name!r} needs the option {option}: {spec.name}({option}=...)")


def _check_variant(spec: Spec, variants: Callable[[], Any] | None, kind: str) -> None:
    if variants is None:
        if spec.variant is not None:
            raise RegistryError(f"{kind} {spec.name!r} has no variants: {spec} should be {spec.name}")
        return
    names = variants()
    if spec.variant is None:
        raise RegistryError(f"{kind} {spec.name!r} needs a variant: {spec.name}/NAME, of {len(names)} names")
    if spec.variant not in names:
        raise UnknownName(f"{kind} of {spec.name}", spec.variant, names)
