"""TensorBoard, by torch's writer."""

from collections.abc import Mapping

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from benchmarks.runtime.extras import extra


@LOGGERS.register("tensorboard")
class TensorBoard(Logger):
    """Event files of TensorBoard, a folder of them for each run."""

    def __init__(self) -> None:
        self._make_writer = extra("torch.utils.tensorboard").SummaryWriter

    def open(self, run: LoggedRun, step: int) -> None:
        """Begin another event file; readers purge what earlier ones have of later steps."""
        self._writer = self._make_writer(run.folder, purge_step=step + 1)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write a scalar for each."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
