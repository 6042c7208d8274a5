"""Names beside the dots of a plot, where they cover nothing."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
_LETTER, _LINE, _DOT = 9.0, 17.0, 7.0  # sizes of a letter on a phone, where they are largest, and of a dot


@dataclass(frozen=True)
class Label:
    """A text and where it stands; `anchor` as in SVG."""

    text: str
    x: float
    y: float
    anchor: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, about."""
        width = len(self.text) * _LETTER
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, self.y - 0.8 * _LINE, left + width, self.y + 0.2 * _LINE


def place(
    names: Mapping[Key, str],
    dots: Mapping[Key, tuple[float, float]],
    first: Sequence[Key],
    frame: tuple[float, float, float, float],
) -> dict[Key, Label]:
    """A free place beside its dot for the name of each of `first`, as far as there is one."""
    taken = {key: (x - _DOT, y - _DOT, x + _DOT, y + _DOT) for key, (x, y) in dots.items()}
    labels: dict[Key, Label] = {}
    for key in first:
        others = [box for other, box in taken.items() if other != key] + [label.box for label in labels.values()]
        for label in _beside(names[key], *dots[key]):
            if _inside(label.box, frame) and not any(_overlap(label.box, box) for box in others):
                labels[key] = label
                break
    return labels


def _beside(text: str, x: float, y: float) -> list[Label]:
    return [
        Label(text, x + 10, y + 4, "start"),
        Label(text, x - 10, y + 4, "end"),
        Label(text, x, y - 11, "middle"),
        Label(text, x, y + 20, "middle"),
    ]


def _inside(box: tuple[float, ...], frame: tuple[float, ...]) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
