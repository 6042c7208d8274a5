"""Training loss and validation CIDEr by epoch, as two drawings that share their axis, and as figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.leaderboard.html.axes import linear
from benchmarks.leaderboard.tables.formatting import BLANK, hundred, number
from benchmarks.records.record import RunRecord

WIDTH, HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _FLOOR = 44, WIDTH - 8, 14, HEIGHT - 38


@dataclass(frozen=True)
class Epoch:
    """What is known after one pass over the training images; `validation` is raw."""

    number: int
    loss: float | None
    validation: float | None
    chosen: bool

    @property
    def texts(self) -> tuple[str, str, str]:
        """Its number, loss and CIDEr x 100, as people read them."""
        loss = BLANK if self.loss is None else f"{self.loss:.3f}"
        return str(self.number), loss, BLANK if self.validation is None else hundred(self.validation)


def epochs(record: RunRecord) -> list[Epoch]:
    """Every epoch of `record` that can be read, in order."""
    found = {}
    for entry in (entry for entry in record.curve if isinstance(entry, Mapping)):
        at = number(entry.get("epoch"))
        if at is not None:
            chosen = at == record.best_epoch
            found[int(at)] = Epoch(int(at), number(entry.get("loss")), number(entry.get("validation")), chosen)
    return [found[at] for at in sorted(found)]


def curves(found: Sequence[Epoch]) -> str:
    """Both figures, as HTML; nothing without epochs."""
    return (
        _figure("Training loss", found, lambda epoch: epoch.loss, lambda value: f"{round(value, 6):g}")
        + _figure("Validation CIDEr", found, lambda epoch: epoch.validation, lambda value: f"{round(100 * value, 6):g}")
        if found
        else ""
    )


def _figure(
    title: str, found: Sequence[Epoch], read: Callable[[Epoch], float | None], show: Callable[[float], str]
) -> str:
    points = [(epoch, value) for epoch in found if (value := read(epoch)) is not None]
    if not points:
        return ""
    values, at = [value for _, value in points], [epoch.number for epoch in found]
    room = 0.06 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 0.05
    up = linear(min(values) - room, max(values) + room, _FLOOR, _TOP)
    across = linear(min(at) - 0.3, max(at) + 0.3, _LEFT, _RIGHT)
    lines = "".join(
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{up.place(tick):.1f}" y2="{up.place(tick):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{up.place(tick) + 4:.1f}" text-anchor="end">{show(tick)}</text>'
        for tick in up.ticks
    ) + "".join(
        f'<text x="{across.place(tick):.1f}" y="{_FLOOR + 17}" text-anchor="middle">{tick:.0f}</text>'
        for tick in across.ticks
        if abs(tick - round(tick)) < 1e-6
    )
    line = " ".join(f"{across.place(epoch.number):.1f},{up.place(value):.1f}" for epoch, value in points)
    marks = "".join(
        f'<path class="kept" d="M{across.place(epoch.number):.1f} {_TOP}V{_FLOOR}"/>'
        f'<circle cx="{across.place(epoch.number):.1f}" cy="{up.place(value):.1f}" r="4.5"/>'
        for epoch, value in points
        if epoch.chosen
    )
    return (
        f'<figure class="curve"><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{title} by epoch: the figures stand below"><g class="grid">{lines}'
        f'<text x="{_RIGHT}" y="{HEIGHT - 4}" text-anchor="end">epoch</text></g>'
        f'<polyline points="{line}"/>{marks}</svg></figure>'
    )
