"""Loggers: each hands the metrics of a run, while it trains, to a tool that draws them. Importing this imports none."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import Registry


@dataclass(frozen=True)
class LoggedRun:
    """What a logger may know of a run.

    id: the cell's, twelve hex digits.
    name: its parts and its seed, for people.
    experiment: the name of the experiment that it is of.
    config: the request, as JSON has it.
    folder: the logger's own for this run, which may not exist yet, or hold what it wrote before a resumption.
    """

    id: str
    name: str
    experiment: str
    config: Mapping[str, Any]
    folder: Path


class Logger(ABC):
    """Takes the metrics of one run, from its beginning or from a checkpoint on.

    A component has keyword-only options alone; making it imports what it needs, and touches nothing. All calls
    come from one thread, beside the training, which no exception reaches. A logger uses none of the random numbers that
    training could use.
    """

    @abstractmethod
    def open(self, run: LoggedRun, step: int) -> None:
        """Begin, or go on after `step` (0: at the beginning).

        Metrics of later steps, which a training had logged before it was cut off, come again: each should be there
        once in the end.
        """

    @abstractmethod
    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take metrics of a step, so that they stay when the process is killed.

        Steps never fall, and one may have several calls, with other names. Any name may be new, any value not finite.
        """

    @abstractmethod
    def close(self) -> None:
        """The end, of the run or of this part of it, after `open`."""


LOGGERS: Registry[Logger] = Registry(
    "logger", home=__name__, name="LOGGERS", interface="Logger", group="caption_zoo.logger"
)


def is_plugin(logger: str) -> bool:
    """Whether a logger is named by the file that registers it."""
    return logger.endswith(".py")
