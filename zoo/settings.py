"""Settings that decide an outcome, as a record tells them."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from registry import Spec

OMIT_DEFAULT: Mapping[str, Any] = {"omit_default": True}  # metadata of a field that came after the first records


RENAMED: Mapping[str, str] = {
    "average": "ema_decay",
    "batch": "batch_size",
    "beams": "num_beams",
    "clip_norm": "max_grad_norm",
    "diversity": "diversity_penalty",
    "groups": "num_beam_groups",
    "length_power": "length_penalty",
    "mirror": "hflip",
    "no_repeat": "no_repeat_ngram_size",
}  # what options of training and decoding were called before version 0.1.0

T = TypeVar("T")


def settings_of(kind: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass `kind`, made of `values` by name.

    Raises:
        ValueError: no such setting, and which it may be; or a value makes no sense.
    """
    refuse_unknown(kind, values)
    return kind(**values)


def refuse_unknown(kind: type, names: Iterable[str]) -> None:
    """Raise a ValueError where one of the `names` is no field of the dataclass `kind`; it says which it may be."""
    known = [field.name for field in fields(kind)]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"{kind.__name__.lower()} has no {unknown[0]!a}.{hint(unknown[0], known)}")


def hint(name: str, known: Iterable[str]) -> str:
    """A sentence that says what an unknown setting is called now, or which known one is nearest; empty if none is."""
    group, _, last = name.rpartition(".")
    now = f"{group}.{RENAMED[last]}" if group and last in RENAMED else RENAMED.get(last)
    if now in (known := list(known)):
        return f" It is called {now!r} now."
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def to_request(settings: Any) -> dict[str, Any]:
    """A dataclass's fields as a request has them, a Spec by its spelling.

    A field marked `OMIT_DEFAULT` is left out where it has its default: what it stands for is then
    done as before there was such a setting, and an earlier run keeps its id.
    """
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        field.name: str(value) if isinstance(value, Spec) else value
        for field in fields(settings)
        if not _omitted(field, value := values[field.name])
    }


def omittable(settings: Any) -> frozenset[str]:
    """The names of the fields that a request may leave out."""
    return frozenset(field.name for field in fields(settings) if field.metadata.get("omit_default"))


def _omitted(field: "Field[Any]", value: Any) -> bool:
    if not field.metadata.get("omit_default"):
        return False
    default = field.default if field.default_factory is MISSING else field.default_factory()
    assert default is not MISSING
    return bool(value == default)
