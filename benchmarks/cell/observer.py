"""What becomes of a training's events: a line for each epoch, and metrics for loggers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import final

from tqdm import tqdm

from benchmarks.cell.logging import Loggers
from benchmarks.plan.cell import Cell
from benchmarks.runtime.closing import Closing
from benchmarks.runtime.progress import line
from benchmarks.runtime.text import plain
from benchmarks.training.observer import Epoch
from registry import Spec


@final
class CellObserver(Closing):
    """Watches a cell, from its training to its scores; used by `with`.

    Metrics have names such as ``train/loss`` (of the latest steps), ``epoch/validation`` and ``test/CIDEr``.
    """

    def __init__(self, cell: Cell, out: Path, loggers: Sequence[Spec]) -> None:
        self._name = plain(f"{cell.id}  {cell}")
        self._loggers, self._step = Loggers(loggers, cell, out), 0

    def close(self) -> None:
        """Have the loggers end."""
        self._loggers.close()

    def on_train_begin(self, step: int) -> None:
        """Have the loggers begin, or go on; their start is no part of what training takes."""
        self._loggers.open(step)

    def on_steps(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log them."""
        self._log(step, {f"train/{name}": value for name, value in metrics.items()})

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Print a line, and log the epoch."""
        line(f"{self._name}: {_summary(epoch)}")
        entry = {f"epoch/{name}": value for name, value in epoch.entry.items() if name != "epoch"}
        self._log(epoch.step, {"epoch": epoch.number, **entry, "epoch/captions_per_second": epoch.captions_per_second})

    def on_save(self, stopping: Callable[[], bool]) -> None:
        """Wait for the loggers, which resume from there; when the cell stops, `close` does it, after the checkpoint."""
        self._loggers.wait(stopping)

    def on_scores(self, scores: Mapping[str, float]) -> None:
        """Log the scores of the test images, with the last step; loggers end, since what follows is timed."""
        self._log(self._step, {f"test/{name}": value for name, value in scores.items()})
        self.close()

    def _log(self, step: int, metrics: dict[str, float]) -> None:
        self._step = step
        self._loggers.log(step, metrics)


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
