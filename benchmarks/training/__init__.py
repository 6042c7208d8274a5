"""Training: the loop, its batches, its optimizer and its objective. Importing this imports no torch."""

from typing import TYPE_CHECKING

from registry import Registry

if TYPE_CHECKING:
    from benchmarks.training.objectives import Objective

OBJECTIVES: "Registry[Objective]" = Registry(
    "objective",
    home="benchmarks.training.objectives",
    name="OBJECTIVES",
    interface="Objective",
    group="caption_zoo.objective",
)
