"""What a scene is, and how one is made up.

Half of the scenes are relations: two things, one clearly beside or above the other. The
others are one group or two, of small things. No two looks in a scene share a colour or a
shape, so a caption that gives one thing the other's has not looked. Colours are few, far
apart and hardly jittered, for this is a test of looking, not of eyesight; shapes are many,
or all that binds them to colours could be read off the mean of the image's features.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[int, int, int]  # red, green and blue, 0 to 255
Place = tuple[float, float]  # across and down from the top left, in image sides
Box = tuple[float, float, float, float]  # left, top, right, bottom, in image sides

COLOURS: Mapping[str, Colour] = {
    "red": (215, 35, 35),
    "green": (35, 160, 55),
    "blue": (40, 70, 215),
    "yellow": (240, 205, 30),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "star", "heart", "ring")
SIZES: Mapping[str, tuple[float, float]] = {"small": (0.09, 0.115), "large": (0.18, 0.21)}  # of radius, in image sides
BACKGROUNDS: Mapping[str, int] = {"white": 240, "gray": 128, "black": 16}  # of red, green and blue alike
CROWD: Mapping[int, int] = {1: 4, 2: 3}  # the most things in a group, where there are so many groups

_JITTER = 12  # either way, of a colour
_GAP = 0.03  # the least between boxes, and from a box to the edge, in image sides
_SLANT = 0.4  # of a relation: the most it is off its axis, as a share of the distance along it


@dataclass(frozen=True)
class Thing:
    """A drawn object: its looks, its centre and radius in image sides, and its colour as drawn."""

    size: str
    colour: str
    shape: str
    x: float
    y: float
    radius: float
    rgb: Colour

    @property
    def box(self) -> Box:
        """What it covers; every shape touches all four sides of its box."""
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius


@dataclass(frozen=True)
class Scene:
    """Things before a background; captions name `related` ones by place and size, others by number."""

    things: tuple[Thing, ...]
    background: str
    rgb: Colour
    related: bool


def sample(rng: random.Random) -> Scene:
    """Make up a scene: a relation half of the time, else one group or two."""
    related = rng.random() < 0.5
    groups = 2 if related else rng.choice((1, 2))
    counts = [1 if related else rng.randint(1, CROWD[groups]) for _ in range(groups)]
    looks = zip(rng.sample(list(COLOURS), groups), rng.sample(SHAPES, groups), counts, strict=True)
    kinds = [(colour, shape) for colour, shape, count in looks for _ in range(count)]
    sizes = [rng.choice(list(SIZES)) if related else "small" for _ in kinds]
    radii = [rng.uniform(*SIZES[size]) for size in sizes]
    places = _beside(rng, *radii) if related else _scattered(rng, radii)
    things = tuple(
        Thing(size, *kind, *place, radius, _jittered(rng, COLOURS[kind[0]]))
        for size, kind, place, radius in zip(sizes, kinds, places, radii, strict=True)
    )
    background = rng.choice(list(BACKGROUNDS))
    level = BACKGROUNDS[background] + rng.randint(-_JITTER, _JITTER)
    return Scene(things, background, (level, level, level), related)


def _beside(rng: random.Random, first: float, second: float) -> list[Place]:
    """Centres of two things of these radii, each within its own half of the image.

    Left and right, above and below, and the two things are as likely either way round.
    """
    near, far = (rng.uniform(radius + _GAP / 2, 0.5 - radius - _GAP) for radius in (first, second))
    off = rng.uniform(first + _GAP, 1 - first - _GAP)
    reach = _SLANT * (near + far)
    other = rng.uniform(max(second + _GAP, off - reach), min(1 - second - _GAP, off + reach))
    side = rng.choice((-1, 1))
    places = [(0.5 - side * near, off), (0.5 + side * far, other)]
    return places if rng.random() < 0.5 else [(y, x) for x, y in places]


def _scattered(rng: random.Random, radii: list[float]) -> list[Place]:
    """Centres of things of these radii, anywhere but on each other."""
    places: list[Place] = []
    while len(places) < len(radii):
        margin = radii[len(places)] + _GAP
        x, y = rng.uniform(margin, 1 - margin), rng.uniform(margin, 1 - margin)
        taken = zip(places, radii, strict=False)
        clear = all(abs(x - a) >= margin + radius or abs(y - b) >= margin + radius for (a, b), radius in taken)
        places = [*places, (x, y)] if clear else []  # all anew, or the last ones may find no room
    return places


def _jittered(rng: random.Random, colour: Colour) -> Colour:
    red, green, blue = (channel + rng.randint(-_JITTER, _JITTER) for channel in colour)
    return red, green, blue
