"""Whether the value of an option fits the annotation of its parameter."""

import inspect
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_PLAIN = {bool: "True or False", int: "a whole number", float: "a number", str: "a string", NoneType: "None"}


def misfit(value: Any, annotation: Any) -> str | None:
    """What `value` should have been, or None where it fits or nothing is known.

    Understands bool, int, float, str, None, ``Literal``, tuples and ``Sequence`` of plain
    ones, for which lists are as good, and unions of them.
    """
    wanted = _wanted(annotation)
    if wanted is None or any(_fits(value, kind) for _, kind in wanted):
        return None
    return " or ".join(text for text, _ in wanted)


def _wanted(annotation: Any) -> list[tuple[str, Any]] | None:
    if annotation is inspect.Parameter.empty:
        return None
    if get_origin(annotation) in (Union, UnionType):
        parts = [_wanted(part) for part in get_args(annotation)]
        return None if None in parts else [item for part in parts for item in part or ()]
    if get_origin(annotation) is Literal:
        return [(repr(choice), Literal[choice]) for choice in get_args(annotation)]
    if get_origin(annotation) in (tuple, Sequence):
        return _several(annotation)
    return [(_PLAIN[annotation], annotation)] if annotation in _PLAIN else None


def _several(annotation: Any) -> list[tuple[str, Any]] | None:
    """``tuple[int, ...]``, ``tuple[int, int]`` and ``Sequence[int]``; tuples of several kinds are not understood."""
    kinds = {*get_args(annotation)} - {...}
    if not len(kinds) == len(kinds & {int, float, str}) == 1:
        return None
    many = _PLAIN[kinds.pop()].removeprefix("a ") + "s"
    return [(many if _of_any_length(annotation) else f"{len(get_args(annotation))} {many}", annotation)]


def _of_any_length(annotation: Any) -> bool:
    return get_origin(annotation) is Sequence or ... in get_args(annotation)


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        choice = get_args(kind)[0]
        return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)
    if get_origin(kind) in (tuple, Sequence):
        kinds = get_args(kind)
        right = isinstance(value, list | tuple) and all(_fits(item, kinds[0]) for item in value)
        return right and (_of_any_length(kind) or len(value) == len(kinds))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
