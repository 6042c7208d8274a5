"""What each field of a run record may hold: a record may come from anyone, and what reads it relies on this."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

_MOST = 1e15  # no figure of a run is beyond it, and sums and squares of smaller ones stay finite
_WHOLE = 2**64  # seeds go up to here
_DEEP = 20  # levels of what is nested in a field


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE


def _number(value: Any) -> bool:
    """NaN compares with nothing, so it is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST


def _free(value: Any, depth: int = _DEEP) -> bool:
    """Whatever JSON can say, not nested too deep to be gone through."""
    if isinstance(value, Mapping | list | tuple):
        inner = value.values() if isinstance(value, Mapping) else value
        return depth > 0 and all(_free(item, depth - 1) for item in inner)
    return True


def _mapping(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(map(_text, value)) and all(map(of, value.values()))


def _list(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(of, value))


def _request(value: Any) -> bool:
    return _mapping(_free)(value) and _mapping(_text)(value.get("sources", {}))


_TEXT = (_text, "a text")
_INT = (_whole, "a whole number")
_TEXTS = (_mapping(_text), "an object of texts")
_NUMBERS = (_mapping(_number), f"an object of numbers up to {_MOST:g}")
_OBJECT = (_mapping(_free), f"an object, nested at most {_DEEP} deep")

KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = MappingProxyType(
    {
        **dict.fromkeys(("id", "dataset", "experiment", "split", "weights", "signature", "finished"), _TEXT),
        **dict.fromkeys(("seed", "params", "trained", "best_epoch", "schema"), _INT),
        **dict.fromkeys(("parts", "origins", "captions", "files"), _TEXTS),
        **dict.fromkeys(("scores", "diagnostics", "throughput", "flops", "seconds"), _NUMBERS),
        **dict.fromkeys(("environment", "data", "timing"), _OBJECT),
        "request": (_request, "an object whose sources, if any, are texts"),
        "status": (lambda value: value in ("done", "failed"), "done or failed"),
        "error": (lambda value: value is None or _text(value), "a text or null"),
        "synthetic": (lambda value: isinstance(value, bool), "true or false"),
        "per_image": (_mapping(_mapping(_number)), "an object of objects of numbers"),
        "samples": (_list(_mapping(_free)), "a list of objects"),
        "curve": (_list(_mapping(_number)), "a list of objects of numbers"),
    }
)


def misfit(values: Mapping[str, Any]) -> str | None:
    """The first field of a record that holds what it may not, and what it should hold; None if all fit."""
    for name, value in values.items():
        fits, should = KINDS[name]
        if not fits(value):
            return f"{name} should be {should}"
    return None
