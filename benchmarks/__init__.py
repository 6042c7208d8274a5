"""Train and score every combination, write one record per run, and rank them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from caption_zoo import hidden

if TYPE_CHECKING:
    from benchmarks.config import Decoding, Experiment, Matrix, Training
    from benchmarks.executors.run import run
    from benchmarks.leaderboard.display import Leaderboard

__all__ = ["Decoding", "Experiment", "Leaderboard", "Matrix", "Training", "run"]

_MODULES = {"Leaderboard": "benchmarks.leaderboard.display", "run": "benchmarks.executors.run"}

if why := hidden("registry", "zoo"):
    raise ImportError(f"{why}, or call caption_zoo.require() first")


def __getattr__(name: str) -> Any:
    """What is public here, imported on first use: commands import this package, and most need none of it."""
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "benchmarks.config")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
