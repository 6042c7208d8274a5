"""Line charts as SVG for the documentation: in the page's own colour, so light or dark as it is; text is text."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.leaderboard.html.axes import Axis, linear
from zoo.markup import html

_WIDTH, _HEIGHT, _PANEL = 680, 270, 330
_LEFT, _RIGHT, _TOP, _FLOOR = 52, 320, 40, 222
_DASHES = ("", "7 4", "2 4")
_ROOM = 14  # pixels between the names of two lines


class Panel(NamedTuple):
    """One chart: `lines` are positive values by name, one for each place on the horizontal axis.

    Both axes begin at 0, so what grows in proportion is a straight line, and what hardly grows a flat one.
    """

    title: str
    across: str
    places: Sequence[float]
    lines: Mapping[str, Sequence[float]]


def chart(name: str, title: str, panels: Sequence[Panel]) -> str:
    """An SVG file of panels side by side; `title` says in a sentence what it shows, `name` sets its ids apart."""
    drawn = "\n".join(
        f'  <g transform="translate({number * (_PANEL + 20)} 0)">\n{_panel(panel)}\n  </g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" '
        f'aria-labelledby="{name}-title" fill="none" stroke="currentColor" stroke-width="1.6" '
        f'font-family="sans-serif" font-size="13">\n'
        f'  <title id="{name}-title">{html(title)}</title>\n{drawn}\n</svg>\n'
    )


def _panel(panel: Panel) -> str:
    most = max(value for line in panel.lines.values() for value in line)
    across = linear(0, max(panel.places), _LEFT, _RIGHT - 10)
    up = linear(0, 1.1 * most, _FLOOR, _TOP)
    parts = [
        _text(0, 16, panel.title, bold=True),
        *_grid(panel, across, up),
        _text((_LEFT + _RIGHT) / 2, _FLOOR + 40, panel.across, anchor="middle"),
    ]
    heights: list[float] = []
    for number, (name, line) in enumerate(panel.lines.items()):
        points = [(across.place(x), up.place(y)) for x, y in zip(panel.places, line, strict=True)]
        parts.append(_line(points, _DASHES[number % len(_DASHES)]))
        if len(panel.lines) > 1:
            heights.append(_free(points[-1][1] - 8, heights))
            parts.append(_text(points[-1][0], heights[-1], name, anchor="end"))
    return "\n".join(f"    {part}" for part in parts)


def _grid(panel: Panel, across: Axis, up: Axis) -> list[str]:
    rules = [
        f'<path d="M{_LEFT} {up.place(tick):.1f}H{_RIGHT}" stroke-opacity="0.2" stroke-width="1"/>' for tick in up.ticks
    ]
    names = [_text(_LEFT - 6, up.place(tick) + 4, f"{tick:g}", anchor="end") for tick in up.ticks]
    below = [_text(across.place(place), _FLOOR + 18, f"{place:g}", anchor="middle") for place in panel.places]
    return [*rules, *names, *below]


def _line(points: Sequence[tuple[float, float]], dashes: str) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="currentColor" stroke="none"/>' for x, y in points)
    return f'<path d="M{path}" stroke-dasharray="{dashes}"/>{dots}'


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    paint = f'text-anchor="{anchor}" fill="currentColor" stroke="none"{weight}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {paint}>{html(text)}</text>'


def _free(height: float, taken: Sequence[float]) -> float:
    """The nearest height above that no other name has."""
    while any(abs(height - other) < _ROOM for other in taken):
        height -= _ROOM
    return height
