"""Pictures of scenes: plain shapes with smooth edges, the same bytes for the same scene."""

from cmath import rect
from collections.abc import Mapping
from math import cos, sin, tau

from PIL import Image, ImageDraw

from benchmarks.data.synthetic.scene import Scene, Thing

VERSION = 1  # of the pictures, to be raised with whatever changes a pixel

_FINE = 4  # drawn so many times larger, then averaged
_ARC = [tau * step / 60 for step in range(61)]
_ROUND = [rect(1, turn) for turn in _ARC]
_HOLE = [rect(0.5, -turn) for turn in _ARC]
_SPIKES = [rect(0.42 if corner % 2 else 1, tau * (corner / 10 - 0.25)) for corner in range(10)]
_HEART = [complex(16 * sin(t) ** 3, 5 * cos(2 * t) + 2 * cos(3 * t) + cos(4 * t) - 13 * cos(t)) for t in _ARC]
_PLUS = [-1 - 0.36j, -0.36 - 0.36j, -0.36 - 1j]


def _fitted(corners: list[complex]) -> list[complex]:
    """The corners, stretched to touch all four sides of the square from -1-1j to 1+1j."""
    left, right = min(z.real for z in corners), max(z.real for z in corners)
    top, bottom = min(z.imag for z in corners), max(z.imag for z in corners)
    return [complex(2 * (z.real - left) / (right - left) - 1, 2 * (z.imag - top) / (bottom - top) - 1) for z in corners]


_CORNERS: Mapping[str, list[complex]] = {  # y points down
    "circle": _ROUND,
    "square": [-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j],
    "triangle": [-1j, 1 + 1j, -1 + 1j],
    "diamond": [-1j, 1 + 0j, 1j, -1 + 0j],
    "cross": [corner * quarter for quarter in (1, 1j, -1, -1j) for corner in _PLUS],
    "star": _SPIKES,
    "heart": _HEART,
    "ring": _ROUND + _HOLE,
}
_OUTLINES = {shape: _fitted(corners) for shape, corners in _CORNERS.items()}


def draw(scene: Scene, size: int) -> Image.Image:
    """A scene in RGB, `size` pixels wide and high."""
    canvas = Image.new("RGB", (size * _FINE, size * _FINE), scene.rgb)
    pen = ImageDraw.Draw(canvas)
    for thing in scene.things:
        pen.polygon(_corners(thing, size * _FINE), fill=thing.rgb)
    return canvas.reduce(_FINE)


def _corners(thing: Thing, side: int) -> list[tuple[float, float]]:
    centre = complex(thing.x, thing.y)
    places = [(centre + thing.radius * corner) * side for corner in _OUTLINES[thing.shape]]
    return [(place.real, place.imag) for place in places]
