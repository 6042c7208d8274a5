"""JSON that may come from anyone, read into a type: what the type does not allow is refused in one line."""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta

from registry import Spec

T = TypeVar("T")

# No figure of a run is beyond 1e15, and sums and squares of smaller ones stay finite.
Number = Annotated[int, Meta(ge=-(10**15), le=10**15)] | Annotated[float, Meta(ge=-1e15, le=1e15)]

_BYTES = 64 * 2**20  # of a file; the record of 40,000 images has 6 MiB
_WHOLE = 2**64  # seeds go up to here
_DEPTH = 20  # levels of objects and lists
_WORDS: Mapping[str, str] = {
    "`str`": "a text",
    "`int`": "a whole number",
    "`float`": "a number",
    "`int | float`": "a number",
    "`str | null`": "a text or null",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "a list",
}


def parse(file: Path) -> Any:
    """The values of a JSON file, within limits: strict JSON, no key twice, no number or depth without bound.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON, or beyond a limit; the message says which.
    """
    if file.exists() and not file.is_file():  # reading a pipe might never end
        raise ValueError("it is no file")
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size  # not more: a buffer costs time
        return loads(opened.read(min(size, _BYTES) + 1))


def loads(content: bytes) -> Any:
    """The values of JSON, as `parse` reads them.

    Raises:
        ValueError: it is no JSON, or beyond a limit; the message says which.
    """
    if len(content) > _BYTES:
        raise ValueError(f"it has more than {_BYTES >> 20} MiB")
    try:
        values = json.loads(
            content.decode(), parse_float=_finite, parse_constant=_finite, parse_int=_whole, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {_DEPTH} deep") from None
    _check(values, escapes=b"\\u" in content)
    return values


def convert(values: Any, kind: type[T]) -> T:
    """`values`, as JSON has them, as a `kind`; keys that it does not have are dropped.

    Raises:
        ValueError: a field is missing, or holds what it may not; the message says which, and what it should be.
    """
    try:
        return msgspec.convert(values, kind, dec_hook=_spec)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise ValueError(_explain(message, path.rstrip("`").lstrip("."), kind)) from None


def json_schema(kind: type) -> str:
    """The JSON Schema of a type."""
    schema = msgspec.json.schema(kind, schema_hook=_spec_schema)
    for definition in schema["$defs"].values():
        if "description" in definition:  # a docstring, whose indentation Python 3.13 takes away
            definition["description"] = cleandoc(definition["description"])
        for field in definition.get("properties", {}).values():
            if field.get("default") == {}:  # which msgspec tells from 0.23 on
                del field["default"]
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _spec(kind: type, value: Any) -> Spec:
    """A component from its spelling, which is how JSON has it."""
    if kind is not Spec or not isinstance(value, str | Spec):
        raise ValueError(f"{str(value)[:40]!r} should be a text")
    return Spec.parse(value)


def _spec_schema(kind: type) -> dict[str, str]:
    if kind is not Spec:
        raise NotImplementedError(kind)  # by which msgspec's hooks decline a type
    return {"type": "string"}


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no number of JSON, or too large a one")
    return value


def _whole(text: str) -> int:
    if len(text) > 21 or abs(value := int(text)) >= _WHOLE:
        raise ValueError(f"{text[:40]} is too large a whole number")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:40]!a} is there twice")
    return values


def _check(values: Any, *, escapes: bool) -> None:
    """Refuse what is nested too deep, and texts with half of a surrogate pair, which no UTF-8 can hold."""
    level = [values]
    for _ in range(_DEPTH + 1):
        if escapes:
            _check_texts(level)
        inner = [value for value in level if isinstance(value, dict | list)]
        level = [item for value in inner for item in (value.values() if isinstance(value, dict) else value)]
        if escapes:
            _check_texts(key for value in inner if isinstance(value, dict) for key in value)
        if not inner:
            return
    raise ValueError(f"it is nested more than {_DEPTH} deep")


def _check_texts(values: Iterable[Any]) -> None:
    for text in (value for value in values if isinstance(value, str)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"the text {text[:40]!a} has half of a surrogate pair") from None


def _explain(message: str, path: str, kind: type) -> str:
    """What is wrong, in our words; an error of a field's own type stands as it is."""
    subject = "it" if not path else f"its {path}"
    if "[...]" in path:
        subject = f"each entry of its {path.replace('[...]', '')}"
    if found := re.fullmatch(r"Object missing required field `(\w+)`", message):
        return f"{subject} has no {found[1]}"
    if message.startswith("Invalid enum value"):
        for name in path.split("."):
            kind = get_type_hints(kind)[name]
        return f"{subject} should be {' or '.join(map(str, get_args(kind)))}"
    if found := re.fullmatch(r"Expected (`.+`)( [<>]= .+)?, got `.+`|Expected (`.+`)( [<>]= .+)", message):
        word, bound = found[1] or found[3], found[2] or found[4] or ""
        return f"{subject} should be {_WORDS.get(word, word)}{bound}"
    return f"{subject}: {message}" if path else message
