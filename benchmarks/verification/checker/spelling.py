"""Whether a request is spelled as records spell it: two spellings of one request would be two runs."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.verification.checker.fields import PARTS

_HEAD = re.compile(r"[^\W\d]\w*(/[^\s()]+)?")  # a name, and perhaps its variant
_LONGEST = 10_000  # characters of a component


def spelling(record: Mapping[str, Any]) -> Iterator[str]:
    """Components whose options are in another order, or are written otherwise than Python prints them."""
    request = record["request"]
    specs = [request[name] for name in ("dataset", *PARTS)] + request["metrics"]
    for spec in [*specs, request["training"].get("objective", "cross_entropy")]:
        if (printed := _printed(spec)) != spec:
            yield f"{spec[:60]!r} in its request is no component as records spell it, {printed[:60] or 'a name'!r}"


def _printed(spec: str) -> str:
    """``name/variant(option=value)``, its options sorted; empty if it is none."""
    head, paren, tail = spec[:_LONGEST].partition("(")
    try:
        call = ast.parse(f"f({tail if paren else ')'}", mode="eval").body
        if not _HEAD.fullmatch(head) or not isinstance(call, ast.Call):
            return ""
        options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return ""
    listed = ", ".join(f"{name}={value!r}" for name, value in sorted(options.items()))
    return f"{head}({listed})" if options else head
