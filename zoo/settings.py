"""Settings that decide an outcome, as a record tells them."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

LATER: Mapping[str, Any] = {"later": True}  # metadata of a field that came after the first records


def told(settings: Any) -> dict[str, Any]:
    """A dataclass's fields as a request has them.

    A field marked `LATER` is left out where it has its default: what it stands for is then
    done as before there was such a setting, and an earlier run keeps its id.
    """
    values = vars(settings)
    return {field.name: values[field.name] for field in fields(settings) if not _unsaid(field, values[field.name])}


def may_be_unsaid(settings: Any) -> frozenset[str]:
    """The names of the fields that a request may leave out."""
    return frozenset(field.name for field in fields(settings) if field.metadata.get("later"))


def _unsaid(field: "Field[Any]", value: Any) -> bool:
    assert field.default is not MISSING or not field.metadata.get("later")
    return bool(field.metadata.get("later")) and value == field.default
