"""Whether a value is of an annotated type; what it should be, in plain words."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

_PLAIN = {bool: "True or False", int: "a whole number", float: "a number", str: "a string", NoneType: "None"}
_COUNTABLE = (_PLAIN[int], _PLAIN[float], _PLAIN[str], "a path")
_LISTS = (list, tuple, Sequence, Iterable)


class Kind(NamedTuple):
    """A type that is understood: how it is called, and whether a value is of it."""

    text: str
    fits: Callable[[Any], bool]


class AtLeast(NamedTuple):
    """Of a number, in ``Annotated[int, AtLeast(1)]``: none is less."""

    least: float


Size = Annotated[int, AtLeast(1)]


def kind(annotation: Any) -> Kind | None:
    """What `annotation` allows, or None where it is not understood.

    Understands bool, int, float, str, None, ``Literal``, enums by their values, paths, lists, tuples and
    ``Sequence``, numbers that are `AtLeast` so much, for which lists and tuples are equally good, and unions of them.
    """
    annotation = _plain(annotation)
    if get_origin(annotation) is Annotated:
        return _bounded(*get_args(annotation))
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return _choice([member.value for member in annotation], annotation)
    if plain := next((each for each in _PLAIN if each is annotation), None):
        return Kind(_PLAIN[plain], lambda value: _is(value, plain))
    if annotation in (Path, PathLike) or get_origin(annotation) is PathLike:
        return Kind("a path", lambda value: isinstance(value, str | PathLike))
    if get_origin(annotation) in (Union, UnionType):
        return _either([kind(part) for part in get_args(annotation)])
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation))
    if annotation in _LISTS or get_origin(annotation) in _LISTS:
        return _list(annotation)
    return None


def _bounded(annotation: Any, *more: Any) -> Kind | None:
    """A type with what was noted beside it, of which only bounds count."""
    plain, bounds = kind(annotation), [each.least for each in more if isinstance(each, AtLeast)]
    if plain is None or not bounds:
        return plain
    least = max(bounds)
    return Kind(f"{plain.text}, at least {least}", lambda value: plain.fits(value) and value >= least)


def type_error(value: Any, annotation: Any) -> str | None:
    """What `value` should have been, or None where it fits or the annotation is not understood."""
    wanted = kind(annotation)
    return None if wanted is None or wanted.fits(value) else wanted.text


def _plain(annotation: Any) -> Any:
    """The type behind ``NewType`` and ``type X = ...``."""
    while behind := getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None):
        annotation = behind
    return NoneType if annotation is None else annotation


def _is(value: Any, plain: type) -> bool:
    """True is no number, and a whole number is one."""
    if isinstance(value, bool):
        return plain is bool
    return isinstance(value, (int, float) if plain is float else plain)


def _either(kinds: list[Kind | None]) -> Kind | None:
    understood = [each for each in kinds if each]
    if len(understood) < len(kinds):
        return None
    return Kind(
        " or ".join(each.text for each in understood), lambda value: any(each.fits(value) for each in understood)
    )


def _choice(choices: Iterable[Any], members: type | None = None) -> Kind:
    """One of some values; 1 is not True here."""
    values = list(choices)
    return Kind(
        " or ".join(map(repr, values)),
        lambda value: (
            (members is not None and isinstance(value, members))
            or any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in values)
        ),
    )


def _list(annotation: Any) -> Kind | None:
    """``list``, ``Sequence[int]``, ``tuple[int, ...]``, ``tuple[int, str]``."""
    parts = get_args(annotation)
    if not parts and get_origin(annotation) is None:
        return Kind("a list", lambda value: isinstance(value, list | tuple))
    fixed = get_origin(annotation) is tuple and ... not in parts
    items = [kind(part) for part in parts if part is not ...]
    understood = [each for each in items if each]
    if len(understood) < len(items):
        return None
    if fixed:
        return Kind(
            _several([each.text for each in understood]),
            lambda value: (
                isinstance(value, list | tuple)
                and len(value) == len(understood)
                and all(each.fits(item) for each, item in zip(understood, value, strict=True))
            ),
        )
    (each,) = understood
    return Kind(
        _plural(each.text), lambda value: isinstance(value, list | tuple) and all(each.fits(item) for item in value)
    )


def _several(texts: list[str]) -> str:
    """Of one kind "2 whole numbers", of several "a list of a whole number, a string"."""
    if len({*texts}) == 1 and texts[0] in _COUNTABLE:
        return f"{len(texts)} {_plural(texts[0])}"
    return f"a list of {', '.join(texts)}" if texts else "an empty list"


def _plural(text: str) -> str:
    return f"{text.removeprefix('a ')}s" if text in _COUNTABLE else f"a list, each of it {text}"
