"""What runs cells, wherever that is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord


class Executor(ABC):
    """Runs cells and yields what came of each; used by `with`, which gives back what it started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    @abstractmethod
    def each(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, RunRecord | str]]:
        """Run the cells, and yield each as it ends: with its record, or with the reason why there is none."""

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """End what was started: in peace, or at once where the caller `failed`."""
