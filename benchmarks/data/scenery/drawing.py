"""Pictures of scenes: plain shapes with smooth edges, the same bytes for the same scene."""

import math
from collections.abc import Mapping

from PIL import Image, ImageDraw

from benchmarks.data.scenery.grammar import Scene, Thing

VERSION = 1  # of the pictures, to be raised with whatever changes a pixel
_FINE = 4  # drawn so many times larger, then averaged

# Corners within a square from -1 to 1, all four sides of which each shape touches; y points down.
_ARM = 0.36
_OUTLINES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "circle": tuple((math.cos(math.tau * turn / 64), math.sin(math.tau * turn / 64)) for turn in range(64)),
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1), (1, 1), (-1, 1)),
    "cross": (
        (-_ARM, -1), (_ARM, -1), (_ARM, -_ARM), (1, -_ARM), (1, _ARM), (_ARM, _ARM),
        (_ARM, 1), (-_ARM, 1), (-_ARM, _ARM), (-1, _ARM), (-1, -_ARM), (-_ARM, -_ARM),
    ),
}  # fmt: skip


def draw(scene: Scene, size: int) -> Image.Image:
    """A scene in RGB, `size` pixels wide and high."""
    canvas = Image.new("RGB", (size * _FINE, size * _FINE), scene.rgb)
    pen = ImageDraw.Draw(canvas)
    for thing in scene.things:
        pen.polygon(_corners(thing, size * _FINE), fill=thing.rgb)
    return canvas.reduce(_FINE)


def _corners(thing: Thing, side: int) -> list[tuple[float, float]]:
    return [
        ((thing.x + thing.radius * across) * side, (thing.y + thing.radius * down) * side)
        for across, down in _OUTLINES[thing.shape]
    ]
