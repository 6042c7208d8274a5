"""Every registry by the kind of what it names; importing it imports no component and no torch."""

from collections.abc import Mapping
from typing import Any

from benchmarks.data import DATASETS
from benchmarks.loggers import LOGGERS
from benchmarks.metrics import METRICS
from benchmarks.training import OBJECTIVES
from registry import Registry
from zoo.registries import PARTS

KINDS: Mapping[str, Registry[Any]] = {
    **PARTS,
    **{each.kind: each for each in (DATASETS, METRICS, OBJECTIVES, LOGGERS)},
}
