"""Captions of a scene, and what a caption states.

A caption fills every slot, so that it can be parsed and scored slot by slot:

    caption  := (relation | groups) tail
    relation := ["there is"] thing place thing | thing "sits" place thing
    groups   := ["there" ("is" | "are")] group ["and" group] | group ["and" group] ("sits" | "sit")
    thing    := "a" size colour shape
    group    := "one" colour shape | ("two" | "three" | "four") colour shapes
    place    := "to the left of" | "to the right of" | "above" | "below"
    tail     := ("on" | "against" | "in front of") "a" background "background"

A relation may start from either thing, and groups come in either order.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from benchmarks.data.synthetic.scene import BACKGROUNDS, COLOURS, SHAPES, SIZES, Scene

CAPTIONS = 5
NUMBERS: Mapping[str, int] = {"one": 1, "two": 2, "three": 3, "four": 4}
INVERSE: Mapping[str, str] = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}
TAILS = ("on", "against", "in front of")

_NUMERALS = {count: word for word, count in NUMBERS.items()}
_PLURALS = {shape: shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES}
_SINGULARS = {many: one for one, many in _PLURALS.items()}


@dataclass(frozen=True, order=True)
class Mention:
    """Things of one look, as a caption names them; `size` is empty where it is left unsaid."""

    colour: str
    shape: str
    size: str = ""
    count: int = 1


@dataclass(frozen=True)
class Content:
    """What a caption states: equal for two captions that say the same in other words.

    relation: of the first mention to the second, "to the left of" or "above"; empty
    between groups, which are sorted.
    """

    mentions: tuple[Mention, ...]
    relation: str
    background: str

    @classmethod
    def of(cls, mentions: tuple[Mention, ...], relation: str, background: str) -> "Content":
        """The same, of mentions in any order and the relation that goes with that order."""
        if not relation:
            return cls(tuple(sorted(mentions)), "", background)
        if relation in ("to the right of", "below"):
            return cls(mentions[::-1], INVERSE[relation], background)
        return cls(mentions, relation, background)


def content(scene: Scene) -> Content:
    """What there is to say of a scene, read off where its things lie."""
    if not scene.related:
        counts = Counter((thing.colour, thing.shape) for thing in scene.things)
        groups = tuple(Mention(colour, shape, count=count) for (colour, shape), count in counts.items())
        return Content.of(groups, "", scene.background)
    first, second = scene.things
    across, down = second.x - first.x, second.y - first.y
    if abs(across) > abs(down):
        relation = "to the left of" if across > 0 else "to the right of"
    else:
        relation = "above" if down > 0 else "below"
    mentions = tuple(Mention(thing.colour, thing.shape, thing.size) for thing in scene.things)
    return Content.of(mentions, relation, scene.background)


def captions(scene: Scene, rng: random.Random) -> tuple[str, ...]:
    """Five wordings of what there is to say of a scene, no two alike."""
    return tuple(rng.sample(wordings(content(scene)), CAPTIONS))


def wordings(content: Content) -> list[str]:
    """Every caption of the grammar that states just this."""
    heads = _relations(content) if content.relation else _groups(content)
    return [f"{head} {tail} a {content.background} background" for head in heads for tail in TAILS]


def parse(caption: str) -> Content | None:
    """What a caption states, or None where it is not, word for word, one of the grammar.

    Capitals and punctuation are passed over.
    """
    text = " ".join(re.findall("[a-z]+", caption.lower()))
    mentions = tuple(
        Mention(colour, _SINGULARS.get(shape, shape), size, NUMBERS.get(number, 1))
        for number, size, colour, shape in _MENTION.findall(text)
    )
    relations, backgrounds = _RELATION.findall(text), _BACKGROUND.findall(text)
    if not backgrounds or len(mentions) not in ((2,) if relations else (1, 2)):
        return None
    content = Content.of(mentions, relations[0] if relations else "", backgrounds[0])
    return content if text in wordings(content) else None


def _any(words: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"({'|'.join(words)})"


# These find the slots; whether the words between them are right, `parse` leaves to `wordings`.
_MENTION = re.compile(rf"\b{_any(('a', *NUMBERS))} (?:{_any(SIZES)} )?{_any(COLOURS)} {_any((*SHAPES, *_SINGULARS))}\b")
_RELATION = re.compile(rf"\b{_any(INVERSE)}\b")
_BACKGROUND = re.compile(rf"\b{_any(BACKGROUNDS)} background\b")


def _relations(content: Content) -> list[str]:
    first, second = (f"a {mention.size} {mention.colour} {mention.shape}" for mention in content.mentions)
    ways = ((first, content.relation, second), (second, INVERSE[content.relation], first))
    plain = [f"{thing} {place} {other}" for thing, place, other in ways]
    return [*plain, *(f"there is {head}" for head in plain), *(f"{a} sits {place} {b}" for a, place, b in ways)]


def _groups(content: Content) -> list[str]:
    heads = []
    for order in permutations(content.mentions):
        head = " and ".join(map(_group, order))
        be = "is" if order[0].count == 1 else "are"
        sit = "sits" if [group.count for group in order] == [1] else "sit"
        heads += [head, f"there {be} {head}", f"{head} {sit}"]
    return heads


def _group(group: Mention) -> str:
    noun = group.shape if group.count == 1 else _PLURALS[group.shape]
    return f"{_NUMERALS[group.count]} {group.colour} {noun}"
