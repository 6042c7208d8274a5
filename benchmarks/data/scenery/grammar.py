"""What a scene is, how one is made up, what is said of it, and what a caption states.

A caption fills every slot, so that it can be read back and judged slot by slot:

    caption  := relation tail | groups tail
    relation := ["there is"] thing place thing | thing "sits" place thing
    groups   := ["there" ("is"|"are")] group ["and" group] | group ["and" group] ("sits"|"sit")
    thing    := "a" size colour shape
    group    := "one" colour shape | number colour shapes
    place    := "to the left of" | "to the right of" | "above" | "below"
    tail     := ("on"|"against"|"in front of") "a" background "background"

Half of the scenes are relations: two things of unlike look, one clearly beside or above
the other. The others are one group or two, of small things. Colours and sizes are few and far
apart, for this is a test of looking, not of eyesight.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

Colour = tuple[int, int, int]
Place = tuple[float, float]
Box = tuple[float, float, float, float]

COLOURS: Mapping[str, Colour] = {
    "red": (215, 35, 35),
    "green": (35, 160, 55),
    "blue": (40, 70, 215),
    "yellow": (240, 205, 30),
}
BACKGROUNDS: Mapping[str, int] = {"white": 240, "gray": 128, "black": 16}  # of red, green and blue alike
SHAPES: Mapping[str, str] = {"circle": "circles", "square": "squares", "triangle": "triangles", "cross": "crosses"}
SIZES: Mapping[str, tuple[float, float]] = {"small": (0.09, 0.115), "large": (0.18, 0.21)}  # of radius, in image sides
NUMBERS: Mapping[str, int] = {"one": 1, "two": 2, "three": 3, "four": 4}
INVERSE: Mapping[str, str] = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}
TAILS = ("on", "against", "in front of")
CAPTIONS = 5

_JITTER = 12  # either way, of each of red, green and blue
_GAP = 0.03  # between boxes, and from a box to the edge, in image sides
_SLANT = 0.4  # of a relation: the most it may be off its axis, as a share of the distance along it
_MOST = {1: 4, 2: 3}  # things in a group, where there are so many groups
_NUMERALS = {count: word for word, count in NUMBERS.items()}
_SINGULAR = {many: one for one, many in SHAPES.items()}
_MENTION = re.compile(
    rf"\b(a|{'|'.join(NUMBERS)}) (?:({'|'.join(SIZES)}) )?({'|'.join(COLOURS)}) ({'|'.join([*SHAPES, *SHAPES.values()])})\b"
)
_PLACE = re.compile(rf"\b({'|'.join(INVERSE)})\b")
_BACKGROUND = re.compile(rf"\b({'|'.join(BACKGROUNDS)}) background\b")


@dataclass(frozen=True, order=True)
class Mention:
    """Things of one look, as a caption names them; `size` is empty where it is left unsaid."""

    colour: str
    shape: str
    size: str = ""
    count: int = 1


@dataclass(frozen=True)
class Content:
    """What a caption states, the same for every wording of it.

    relation: from the first mention to the second, "to the left of" or "above"; empty
    between groups, which are sorted.
    """

    mentions: tuple[Mention, ...]
    relation: str
    background: str

    @classmethod
    def of(cls, mentions: tuple[Mention, ...], relation: str, background: str) -> "Content":
        """The content of mentions in any order, with the relation that goes with that order."""
        if not relation:
            return cls(tuple(sorted(mentions)), "", background)
        if relation in ("to the right of", "below"):
            return cls(mentions[::-1], INVERSE[relation], background)
        return cls(mentions, relation, background)


@dataclass(frozen=True)
class Thing:
    """A drawn object: its looks, its centre and radius in image sides from the top left, its colour in RGB."""

    size: str
    colour: str
    shape: str
    x: float
    y: float
    radius: float
    rgb: Colour

    @property
    def box(self) -> Box:
        """Left, top, right, bottom, in image sides; every shape touches all four."""
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius


@dataclass(frozen=True)
class Scene:
    """Things before a background; `related` scenes are told by place and size, others by number."""

    things: tuple[Thing, ...]
    background: str
    rgb: Colour
    related: bool

    @property
    def content(self) -> Content:
        """What there is to say, read off where the things lie."""
        if not self.related:
            counts = Counter((thing.colour, thing.shape) for thing in self.things)
            groups = tuple(Mention(*look, count=count) for look, count in counts.items())
            return Content.of(groups, "", self.background)
        first, second = self.things
        across, down = second.x - first.x, second.y - first.y
        sides = ("to the left of", "to the right of") if abs(across) > abs(down) else ("above", "below")
        relation = sides[(across if abs(across) > abs(down) else down) < 0]
        mentions = tuple(Mention(thing.colour, thing.shape, thing.size) for thing in self.things)
        return Content.of(mentions, relation, self.background)


def sample(rng: random.Random) -> Scene:
    """Make up a scene: a relation half of the time, else one group or two."""
    related = rng.random() < 0.5
    groups = 2 if related else rng.choice((1, 2))
    looks = list(zip(rng.sample(list(COLOURS), groups), rng.sample(list(SHAPES), groups), strict=True))
    counts = [1 if related else rng.randint(1, _MOST[groups]) for _ in looks]
    kinds = [look for look, count in zip(looks, counts, strict=True) for _ in range(count)]
    sizes = [rng.choice(list(SIZES)) if related else "small" for _ in kinds]
    radii = [rng.uniform(*SIZES[size]) for size in sizes]
    places = _beside(rng, *radii) if related else _scattered(rng, radii)
    things = tuple(
        Thing(size, *kind, *place, radius, _jitter(rng, COLOURS[kind[0]]))
        for size, kind, place, radius in zip(sizes, kinds, places, radii, strict=True)
    )
    background = rng.choice(list(BACKGROUNDS))
    gray = BACKGROUNDS[background] + rng.randint(-_JITTER, _JITTER)
    return Scene(things, background, (gray, gray, gray), related)


def captions(scene: Scene, rng: random.Random) -> tuple[str, ...]:
    """Five wordings of what there is to say of a scene, no two alike."""
    return tuple(rng.sample(wordings(scene.content), CAPTIONS))


def wordings(content: Content) -> list[str]:
    """Every caption of the grammar that states `content`."""
    if content.relation:
        first, second = (f"a {item.size} {item.colour} {item.shape}" for item in content.mentions)
        ways = ((first, content.relation, second), (second, INVERSE[content.relation], first))
        heads = [f"{a}{verb}{place} {b}" for a, place, b in ways for verb in (" ", " sits ")]
        heads += [f"there is {a} {place} {b}" for a, place, b in ways]
    else:
        heads = [head for order in permutations(content.mentions) for head in _of_groups(order)]
    return [f"{head} {tail} a {content.background} background" for head in heads for tail in TAILS]


def parse(caption: str) -> Content | None:
    """What a caption states, or None where it is not, word for word, one of the grammar.

    Capitals and punctuation are passed over.
    """
    text = " ".join(re.findall(r"[a-z]+", caption.lower()))
    mentions = tuple(
        Mention(colour, _SINGULAR.get(shape, shape), size, NUMBERS.get(number, 1))
        for number, size, colour, shape in _MENTION.findall(text)
    )
    places, backgrounds = _PLACE.findall(text), _BACKGROUND.findall(text)
    if not mentions or not backgrounds or (places and len(mentions) != 2):
        return None
    content = Content.of(mentions, "".join(places[:1]), backgrounds[0])
    return content if text in wordings(content) else None


def _of_groups(mentions: tuple[Mention, ...]) -> tuple[str, str, str]:
    groups = [
        f"{_NUMERALS[item.count]} {item.colour} {item.shape if item.count == 1 else SHAPES[item.shape]}"
        for item in mentions
    ]
    verb = "is" if mentions[0].count == 1 else "are"
    said = " and ".join(groups)
    sit = "sits" if [item.count for item in mentions] == [1] else "sit"
    return said, f"there {verb} {said}", f"{said} {sit}"


def _beside(rng: random.Random, first: float, second: float) -> list[Place]:
    """Centres of two things of these radii, the one clearly beside or above the other.

    Mirroring such a scene gives one that is as likely: where things lie on the whole does
    not tell which is left or above.
    """
    margins = first + _GAP, second + _GAP
    apart = first + second + _GAP
    slack = 1 - apart - sum(margins)
    near, far = sorted((rng.uniform(0, slack), rng.uniform(0, slack)))
    along = margins[0] + near, margins[0] + apart + far
    off = rng.uniform(margins[0], 1 - margins[0])
    reach = _SLANT * (along[1] - along[0])
    other = rng.uniform(max(margins[1], off - reach), min(1 - margins[1], off + reach))
    if rng.random() < 0.5:
        along = 1 - along[0], 1 - along[1]
    places = [(along[0], off), (along[1], other)]
    return places if rng.random() < 0.5 else [(y, x) for x, y in places]


def _scattered(rng: random.Random, radii: list[float]) -> list[Place]:
    """Centres of things of these radii, anywhere but on each other."""
    places: list[Place] = []
    while len(places) < len(radii):
        margin = radii[len(places)] + _GAP
        x, y = rng.uniform(margin, 1 - margin), rng.uniform(margin, 1 - margin)
        clear = all(max(abs(x - a), abs(y - b)) >= margin + r for (a, b), r in zip(places, radii, strict=False))
        places = [*places, (x, y)] if clear else []  # or all anew, lest the last ones find no room
    return places


def _jitter(rng: random.Random, colour: Colour) -> Colour:
    red, green, blue = (channel + rng.randint(-_JITTER, _JITTER) for channel in colour)
    return red, green, blue
