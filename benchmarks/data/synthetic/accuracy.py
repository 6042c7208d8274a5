"""Whether captions say what was drawn, slot by slot, and whether a model looked at what it named.

Each score is a share between 0 and 1. Of all images:

    parsed: the caption is one of the grammar.
    exact: it states the scene and nothing else, every slot of it.
    background: the background is right.
    colour, shape: the colours (shapes) of all mentions are right, whichever went with which.

Of scenes of groups:

    count: the numbers are right, whichever went with which group.

Of relations:

    size: both sizes are right, whichever went with which.
    binding: both things are right, each with its own size, colour and shape.
    relation: both things are right, and so is the direction, from either one.

Of the things in relations, where there are attention maps:

    pointing: the map's largest cell, when the thing's shape was named right after its
        colour, has its centre in the thing's box.
    pointing_chance: the mean share of the image that a box takes.

A caption outside the grammar, and a thing that goes unnamed, count as wrong. A score that
no image speaks to is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import fmean

import numpy as np

from benchmarks.data import Prediction
from benchmarks.data.synthetic.grammar import Content, content, parse
from benchmarks.data.synthetic.scene import Scene, Thing

_NOTHING = Content((), "", "")


def accuracy(pairs: Iterable[tuple[Scene, Prediction]]) -> dict[str, float]:
    """The scores above, of scenes and the captions predicted for them."""
    marks: dict[str, list[float]] = defaultdict(list)
    for scene, prediction in pairs:
        for score, mark in _marks(scene, prediction):
            marks[score].append(mark)
    return {score: fmean(values) for score, values in marks.items()}


def _marks(scene: Scene, prediction: Prediction) -> Iterator[tuple[str, float]]:
    truth, parsed = content(scene), parse(" ".join(prediction.words))
    stated = parsed or _NOTHING
    yield "parsed", parsed is not None
    yield "exact", stated == truth
    yield "background", stated.background == truth.background
    for slot in ("colour", "shape", "size") if scene.related else ("colour", "shape", "count"):
        yield slot, _slot(stated, slot) == _slot(truth, slot)
    if scene.related:
        yield "binding", set(stated.mentions) == set(truth.mentions)
        yield "relation", (stated.mentions, stated.relation) == (truth.mentions, truth.relation)
        if prediction.maps is not None:
            words = prediction.words if parsed else ()
            for thing in scene.things:
                yield "pointing", _pointed(thing, words, prediction.maps)
                yield "pointing_chance", (2 * thing.radius) ** 2


def _slot(stated: Content, slot: str) -> list[str]:
    return sorted(str(getattr(mention, slot)) for mention in stated.mentions)


def _pointed(thing: Thing, words: tuple[str, ...], maps: np.ndarray) -> bool:
    named = list(pairwise(words))
    if (thing.colour, thing.shape) not in named:
        return False
    step = named.index((thing.colour, thing.shape)) + 1
    rows, columns = maps.shape[1:]
    row, column = divmod(int(maps[step].argmax()), columns)
    left, top, right, bottom = thing.box
    return bool(left <= (column + 0.5) / columns <= right and top <= (row + 0.5) / rows <= bottom)
