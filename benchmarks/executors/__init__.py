"""Executors: where cells run. Importing this imports no torch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from registry import Registry

if TYPE_CHECKING:  # what only runs need is not imported for help
    from benchmarks.executors.setup import Task
    from benchmarks.plan.cell import Cell
    from benchmarks.records.record import RunRecord


class Executor(ABC):
    """Runs cells; used by `with`, which gives back what it started.

    A component takes by position a server, whose processes may run code of parts, and what is to be run how;
    its keyword-only parameters are its options.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    @abstractmethod
    def each(self, tasks: "Sequence[Task]") -> "Iterator[tuple[Cell, RunRecord]]":
        """Run the cells and yield each with its published record, in the order in which they end.

        A cell that another runner has is waited for, and yielded with the record of that one. It may be called
        again when all are yielded.

        Raises:
            StorageError: records cannot be written, so that no further cell should run.
            Stopped: a stop was requested.
        """

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """End what was started: in peace, or at once where the caller `failed`."""


EXECUTORS: Registry[Executor] = Registry(
    "executor",
    home="benchmarks.executors",
    name="EXECUTORS",
    interface="Executor",
    group="caption_zoo.executor",
)
