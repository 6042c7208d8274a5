"""Training loss or reward, and validation CIDEr, by epoch, as two curves over the same epochs, and as figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.leaderboard.html.axes import linear
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, number
from benchmarks.records.record import RunRecord


class Frame(NamedTuple):
    """The size of a drawing, and the edges of the plot in it."""

    width: int = 300
    height: int = 190
    left: int = 44
    right: int = 292
    top: int = 14
    bottom: int = 152


FRAME = Frame()


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images; validation and reward are raw; best: its weights are the run's."""

    number: int
    loss: float | None
    validation: float | None
    best: bool
    reward: float | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Its number, loss and CIDEr x 100, as people read them."""
        loss = BLANK if self.loss is None else f"{self.loss:.3f}"
        return str(self.number), loss, BLANK if self.validation is None else hundred(self.validation)


@dataclass(frozen=True)
class Curve:
    """A line in the frame, the places of its marks with their texts, and the best epoch's point, if it has one."""

    title: str
    rows: Sequence[tuple[float, str]]
    columns: Sequence[tuple[float, str]]
    points: Sequence[tuple[float, float]]
    best: Sequence[tuple[float, float]]


def epochs(record: RunRecord) -> list[Epoch]:
    """Every epoch of `record` that can be read, in order."""
    by_number = {}
    for entry in (entry for entry in record.curve if isinstance(entry, Mapping)):
        at = number(entry.get("epoch"))
        if at is not None:
            best = at == record.best_epoch
            loss, validation, reward = (number(entry.get(name)) for name in ("loss", "validation", "reward"))
            by_number[int(at)] = Epoch(int(at), loss, validation, best, reward)
    return [by_number[at] for at in sorted(by_number)]


def curves(trained: Sequence[Epoch]) -> list[Curve]:
    """Those of loss and CIDEr that have a point; of training that is rewarded, whose loss says nothing, the reward."""
    return [
        *_curve("Reward of samples", trained, lambda epoch: epoch.reward, 100),
        *_curve("Training loss", trained, lambda epoch: epoch.loss if epoch.reward is None else None, 1),
        *_curve("Validation CIDEr", trained, lambda epoch: epoch.validation, 100),
    ]


def _curve(title: str, trained: Sequence[Epoch], read: Callable[[Epoch], float | None], factor: int) -> Iterator[Curve]:
    points = [(epoch, value) for epoch in trained if (value := read(epoch)) is not None]
    if not points:
        return
    values, numbers = [value for _, value in points], [epoch.number for epoch in trained]
    margin = 0.06 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 0.05
    up = linear(min(values) - margin, max(values) + margin, FRAME.bottom, FRAME.top)
    across = linear(min(numbers) - 0.3, max(numbers) + 0.3, FRAME.left, FRAME.right)
    placed = [(round(across.place(epoch.number), 1), round(up.place(value), 1)) for epoch, value in points]
    yield Curve(
        title,
        rows=[(round(up.place(tick), 1), f"{round(factor * tick, 6):g}") for tick in up.ticks],
        columns=[(round(across.place(t), 1), f"{t:.0f}") for t in across.ticks if abs(t - round(t)) < 1e-6],
        points=placed,
        best=[place for (epoch, _), place in zip(points, placed, strict=True) if epoch.best],
    )
