"""Whether a request is spelled as records spell it: two spellings of one request would be two runs."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.verification.checker.fields import PARTS, is_id

_HEAD = re.compile(r"[^\W\d]\w*(/[^\s()]+)?")  # a name, and perhaps its variant
_LONGEST = 10_000  # characters of a component
_NEED_TEACHER = ("distillation", "sequence_distillation")  # of the project's objectives


def spelling(record: Mapping[str, Any]) -> Iterator[str]:
    """Components whose options are in another order or another spelling than Python's, and teachers that are none."""
    request = record["request"]
    specs = [request[name] for name in ("dataset", *PARTS)] + request["metrics"]
    objective = request["training"].get("objective", "cross_entropy")
    for spec in [*specs, objective]:
        if (printed := _printed(*_parsed(spec))) != spec:
            yield f"{spec[:60]!r} in its request is no component as records spell it, {printed[:60] or 'a name'!r}"
    name, options = _parsed(objective)
    if name in _NEED_TEACHER and not is_id(options.get("teacher")):
        yield f"its request's objective learns from {str(options.get('teacher'))[:40]!r}, which is no id of a run"
    for option, run in record.get("teacher", {}).items():
        if options.get(option) != run or (name in _NEED_TEACHER and option != "teacher"):
            yield f"its teacher is {run} by the option {option[:40]!r}, its request's objective is {objective[:60]!r}"


def _printed(head: str, options: Mapping[str, Any]) -> str:
    """``name/variant(option=value)``, its options sorted."""
    listed = ", ".join(f"{name}={value!r}" for name, value in sorted(options.items()))
    return f"{head}({listed})" if options else head


def _parsed(spec: str) -> tuple[str, dict[str, Any]]:
    """Name and options of a component; empty if it is none."""
    head, paren, tail = spec[:_LONGEST].partition("(")
    try:
        call = ast.parse(f"f({tail if paren else ')'}", mode="eval").body
        if not _HEAD.fullmatch(head) or not isinstance(call, ast.Call):
            return "", {}
        return head, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return "", {}
