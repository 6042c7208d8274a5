"""What a training tells whoever watches it: events, from the one of its processes that validates."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, final


class Epoch(NamedTuple):
    """The end of an epoch, after its validation.

    number: of the epoch, from 1 on, of `epochs`.
    step: of all epochs, how many steps are done.
    entry: what the training curve has of the epoch.
    reports: which of it the objective reports, "loss" first.
    captions_per_second: that were learned from; validation does not count.
    seconds_left: of training, should the other epochs take as long as those so far did.
    """

    number: int
    epochs: int
    step: int
    entry: Mapping[str, float]
    reports: tuple[str, ...]
    captions_per_second: float
    seconds_left: float


class Observer(Protocol):
    """Hears of a training; what it raises ends the training."""

    def on_train_begin(self, step: int) -> None:
        """All events of steps after this one are to come, some of them again where training resumes."""

    def on_steps(self, step: int, metrics: Mapping[str, float]) -> None:
        """Means over the latest steps, up to `step`, and its learning rate; an epoch's last steps have none apart."""

    def on_epoch_end(self, epoch: Epoch) -> None:
        """An epoch is done."""

    def on_save(self, stopping: Callable[[], bool]) -> None:
        """A checkpoint is about to be written: no event so far comes again from there.

        It counts as no part of the training's time. Once `stopping`, which may begin meanwhile, nothing should
        delay the checkpoint: whoever preempts a training does not wait for long.
        """


@final
class NoObserver:
    """Watches nothing."""

    def on_train_begin(self, step: int) -> None:
        """Nothing."""

    def on_steps(self, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing."""

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Nothing."""

    def on_save(self, stopping: Callable[[], bool]) -> None:
        """Nothing."""
