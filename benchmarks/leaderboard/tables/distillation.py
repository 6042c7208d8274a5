"""Which runs learned from a teacher, another run whose ID an option of their objective has."""

import re
from collections.abc import Mapping

from benchmarks.records.record import RunRecord
from registry import Spec

TEACHER = re.compile(r"\b(\w+)='([0-9a-f]{12})'")


def objective(record: RunRecord) -> str:
    """Spec of the objective of a model that learned from a teacher; empty of any other."""
    training = record.request.get("training")
    spec = str(training.get("objective", "")) if isinstance(training, Mapping) else ""
    return spec if TEACHER.search(spec) else ""


def teacher(spec: str) -> str:
    """The id of the run that an objective learns from; empty where it names none."""
    found = TEACHER.search(spec)
    return found[2] if found else ""


def without_teacher(spec: str) -> str:
    """An objective less its teacher: its name and what else was chosen."""
    try:
        parsed = Spec.parse(spec)
    except ValueError:  # of a record that nobody's run made
        return spec
    return str(Spec(parsed.name, parsed.variant, {k: v for k, v in parsed.options.items() if v != teacher(spec)}))
