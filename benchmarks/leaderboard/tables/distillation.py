"""Which runs learned from a teacher, another run whose id an option of their objective has."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.records.record import RunRecord
from registry import Spec

_ID = re.compile("[0-9a-f]{12}")
_OPTION = "teacher"  # of these objectives, in records that do not name the option
_OBJECTIVES = ("distillation", "sequence_distillation")


class Distillation(NamedTuple):
    """How a model learned from a teacher: by which objective, and which of its options has the teacher's id."""

    objective: Spec
    option: str

    @property
    def teacher(self) -> str:
        """The id of the run that it learned from."""
        return str(self.objective.options[self.option])

    @property
    def settings(self) -> str:
        """The objective less its teacher: its name and what else was chosen."""
        spec = self.objective
        options = {name: value for name, value in spec.options.items() if name != self.option}
        return str(Spec(spec.name, spec.variant, options))

    def at(self, place: str) -> str:
        """The objective with its teacher at `place`."""
        spec = self.objective
        return str(Spec(spec.name, spec.variant, {**spec.options, self.option: place}))


def distillation(record: RunRecord) -> Distillation | None:
    """How the model of `record` learned from another run, by its field `teacher`; None where it did not.

    Older records do not have the field: of them the teachers of `distillation` and `sequence_distillation` count.
    """
    training = record.request.get("training")
    if not isinstance(training, Mapping) or "objective" not in training:
        return None
    try:
        spec = Spec.parse(training["objective"])
    except ValueError:  # of a record that no run made
        return None
    option = next(iter(record.teacher), _OPTION if spec.name in _OBJECTIVES else "")
    run = spec.options.get(option)
    return Distillation(spec, option) if isinstance(run, str) and _ID.fullmatch(run) else None
