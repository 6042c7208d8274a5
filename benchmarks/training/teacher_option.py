"""The option by which an objective names the run that it learns from. Importing this imports no torch."""

from dataclasses import replace

from benchmarks.config import Training
from benchmarks.training import OBJECTIVES
from registry import Spec


def teacher_option(objective: Spec) -> str:
    """Its name, as `Objective.teacher_option` declares it; empty where the objective learns from no run.

    Raises:
        RegistryError: there is no such objective.
    """
    option: str = getattr(OBJECTIVES[objective.name], "teacher_option", "")
    return option if option in objective.options else ""


def with_teacher(training: Training, option: str, place: str) -> Training:
    """The same training, with the teacher of its objective at another place, or by its id."""
    spec = training.objective
    return replace(training, objective=Spec(spec.name, spec.variant, {**spec.options, option: place}))
