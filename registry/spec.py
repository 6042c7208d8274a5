"""A component, written down: ``name``, ``name/variant``, ``name(option=value)``.

The same text is a config value, a command-line argument, a field of a run record and
a leaderboard cell, so ``Spec.parse(str(spec)) == spec`` holds. Values are Python
literals that are spelled as they print; reading one never imports or calls anything.
"""

import ast
import math
import re
from collections.abc import Mapping
from reprlib import Repr
from types import MappingProxyType
from typing import Any

from registry.errors import RegistryError

_GRAMMAR = "expected name, name/variant or name(option=value, ...)"
_VALUES = "option values are numbers, strings, booleans, None, or lists and tuples of them"
_LONGEST = 10_000  # characters
_DEEPEST = 20  # lists inside lists
_BITS = 1024  # of a whole number; Python prints none with four times as many
_NO_ESCAPE = re.compile(r"""(?<!\\)(?:\\\\)*\\[^\\'"abfnrtv0-7xuUN]""")  # Python takes it as it is, and warns
_REPR = Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 3, 200, 200


class Spec:
    """A registered name, the variant of it that is meant, and its options; treat it as a value.

    No dataclass, since parsers of configs would then look for its fields and not its spelling.
    """

    def __init__(self, name: str, variant: str | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.name, self.variant, self.options = name, variant, MappingProxyType(dict(options or {}))

    @classmethod
    def parse(cls, value: "str | Mapping[str, Any] | Spec") -> "Spec":
        """Read ``timm/resnet50(pretrained=False)`` or ``{name: timm/resnet50, pretrained: false}``.

        Raises:
            RegistryError: it is neither; the message quotes it.
        """
        if isinstance(value, Spec):
            return value
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if not isinstance(value, str):
            raise RegistryError(f"cannot read component {_quoted(value)}: {_GRAMMAR}")
        head, paren, tail = value.strip().partition("(")
        name, _, variant = head.strip().partition("/")
        try:
            if len(value) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST:,} characters")
            options = _keywords(f"f({tail}" if paren else "f()")
            if not name.isidentifier() or not variant.isprintable() or " " in variant or head.endswith("/"):
                raise ValueError(_GRAMMAR)
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
            reason = error if isinstance(error, ValueError) else _GRAMMAR
            raise RegistryError(f"cannot read component {_quoted(value)}: {reason}") from None
        return cls(name, variant or None, options)

    @classmethod
    def _of_mapping(cls, value: Mapping[str, Any]) -> "Spec":
        options = dict(value)
        name = options.pop("name", None)
        if not isinstance(name, str) or not all(isinstance(key, str) for key in options):
            expected = "expected {name: ..., option: value, ...}"
            raise RegistryError(f"cannot read component {_quoted(dict(value))}: {expected}")
        head = cls.parse(name)
        try:
            _check(list(options.values()), _DEEPEST)
        except ValueError as error:
            raise RegistryError(f"cannot read component {_quoted(dict(value))}: {error}") from None
        return cls.parse(str(cls(head.name, head.variant, {**head.options, **options})))

    def __str__(self) -> str:
        head = f"{self.name}/{self.variant}" if self.variant else self.name
        options = ", ".join(f"{key}={value!r}" for key, value in sorted(self.options.items()))
        return f"{head}({options})" if options else head

    def __repr__(self) -> str:
        return f"Spec({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Spec, (self.name, self.variant, dict(self.options))


def _keywords(call: str) -> dict[str, Any]:
    if _NO_ESCAPE.search(call):
        raise ValueError("a backslash begins an escape such as \\n: write / between folders, or \\\\")
    node = ast.parse(call, mode="eval").body
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise ValueError(_GRAMMAR)
    if node.args or any(keyword.arg is None for keyword in node.keywords):
        raise ValueError("options are given by name")
    if len({keyword.arg for keyword in node.keywords}) < len(node.keywords):
        raise ValueError("an option is given twice")
    try:
        options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (ValueError, TypeError):
        raise ValueError(_VALUES) from None
    _check(list(options.values()), _DEEPEST)
    return options


def _check(value: Any, depth: int) -> None:
    """Refuse what has no spelling that is read back the same in every process, as sets and infinity have none."""
    if isinstance(value, list | tuple):
        if not depth:
            raise ValueError(f"its lists are nested more than {_DEEPEST} deep")
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, int) and value.bit_length() > _BITS:
        raise ValueError(f"it has a whole number of more than {_BITS} bits")
    elif not isinstance(value, int | float | str | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(_VALUES)


def _quoted(value: Any) -> str:
    """The value, or the middle of it left out where it is long."""
    try:
        return _REPR.repr(value)
    except ValueError:  # it holds a whole number that is too long for Python to print
        return f"a {type(value).__name__}"
