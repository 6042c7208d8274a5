"""What becomes of a training's events: a line for each epoch."""

from collections.abc import Mapping
from typing import final

from tqdm import tqdm

from benchmarks.plan.cell import Cell
from benchmarks.runtime.progress import line
from benchmarks.runtime.text import plain
from benchmarks.training.observer import Epoch


@final
class CellObserver:
    """Watches the training of a cell."""

    def __init__(self, cell: Cell) -> None:
        self._name = plain(f"{cell.id}  {cell}")

    def on_train_begin(self, step: int) -> None:
        """Nothing is shown of it."""

    def on_steps(self, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing is shown of them."""

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Print a line."""
        line(f"{self._name}: {_summary(epoch)}")

    def on_save(self) -> None:
        """Nothing is shown of it."""


def _summary(epoch: Epoch) -> str:
    scores = (f"{name} {epoch.entry[name]:.3f}" for name in (*epoch.reports, "validation"))
    return ", ".join(
        [
            f"epoch {epoch.number}/{epoch.epochs}",
            *scores,
            f"{epoch.captions_per_second:,.0f} captions/s",
            f"{tqdm.format_interval(epoch.seconds_left)} left",
        ]
    )
