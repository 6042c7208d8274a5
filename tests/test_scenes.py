"""The synthetic data set: captions of a scene, its picture, and the diagnostics of captions."""

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data import DATASETS, Prediction
from benchmarks.data.scenes import Scenes
from benchmarks.data.synthetic.accuracy import accuracy
from benchmarks.data.synthetic.drawing import draw
from benchmarks.data.synthetic.grammar import Content, Mention, captions, content, parse, wordings
from benchmarks.data.synthetic.scene import COLOURS, Scene, Thing, sample

SCENES = [sample(random.Random(seed)) for seed in range(3000)]
RELATIONS = [scene for scene in SCENES if scene.related][:200]
GROUPS = [scene for scene in SCENES if not scene.related][:200]
SMALL = {"train": 40, "validation": 20, "test": 30}

CIRCLE = Thing("small", "red", "circle", 0.2, 0.45, 0.1, (215, 35, 35))
SQUARE = Thing("large", "blue", "square", 0.7, 0.5, 0.2, (40, 70, 215))
PAIR = Scene((CIRCLE, SQUARE), "white", (240, 240, 240), True)
STARS = (Thing("small", "yellow", "star", x, 0.3, 0.1, (240, 205, 30)) for x in (0.2, 0.5))
FLOCK = Scene((*STARS, Thing("small", "green", "ring", 0.5, 0.8, 0.1, (35, 160, 55))), "black", (16, 16, 16), False)


def described(caption: str, maps: np.ndarray | None = None) -> Prediction:
    return Prediction(caption, tuple(caption.split()), maps)


def test_every_scene_gets_five_distinct_captions_that_all_state_it() -> None:
    for seed, scene in enumerate(SCENES):
        said = captions(scene, random.Random(seed))
        assert len(set(said)) == 5
        assert {parse(caption) for caption in said} == {content(scene)}


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_scenes_that_differ_in_content_share_no_caption(one: int, other: int) -> None:
    first, second = (content(sample(random.Random(seed))) for seed in (one, other))
    assert (first == second) == bool(set(wordings(first)) & set(wordings(second)))


def test_a_scene_reads_the_same_from_either_side() -> None:
    circle, square = Mention("red", "circle", "small"), Mention("blue", "square", "large")
    assert content(PAIR) == Content((circle, square), "to the left of", "white")
    assert parse("a small red circle to the left of a large blue square on a white background") == content(PAIR)
    assert parse("A large blue square sits to the right of a small red circle, on a white background.") == content(PAIR)
    above = replace(PAIR, things=(replace(CIRCLE, y=0.1), replace(SQUARE, x=0.3)))
    assert content(above) == Content((circle, square), "above", "white")
    assert content(FLOCK) == Content((Mention("green", "ring"), Mention("yellow", "star", count=2)), "", "black")
    assert parse("there is one green ring and two yellow stars against a black background") == content(FLOCK)
    assert parse("two yellow stars and one green ring sit in front of a black background") == content(FLOCK)


@pytest.mark.parametrize(
    "caption",
    [
        "a small red circle on a white background",
        "a small red circle above a large blue square",
        "a small red circle above a blue square on a white background",
        "a small red circle above above a large blue square on a white background",
        "there is a small red circle sits above a large blue square on a white background",
        "one red circle above one blue square on a white background",
        "two red circle on a white background",
        "there is two red circles on a white background",
        "two red circles and two blue stars and one red heart on a white background",
    ],
)
def test_what_the_grammar_cannot_write_it_does_not_read(caption: str) -> None:
    assert parse(caption) is None


def test_things_lie_inside_and_apart_and_relations_are_plain() -> None:
    for scene in SCENES:
        assert all(0 < edge < 1 for thing in scene.things for edge in thing.box)
        for one, other in combinations(scene.things, 2):
            across, down = abs(one.x - other.x), abs(one.y - other.y)
            assert max(across, down) > one.radius + other.radius
            assert not scene.related or min(across, down) <= 0.4 * max(across, down) + 1e-9


@pytest.mark.parametrize("size", [64, 96])
def test_a_box_holds_its_thing_tightly_and_nothing_is_drawn_outside(size: int) -> None:
    for scene in RELATIONS + GROUPS:
        pixels = np.asarray(draw(scene, size)).astype(int)
        inked = (pixels != scene.rgb).any(axis=2)
        for thing in scene.things:
            left, top, right, bottom = (round(edge * size) for edge in thing.box)
            inside = np.zeros_like(inked)
            inside[top - 1 : bottom + 1, left - 1 : right + 1] = True
            rows, columns = np.nonzero(inked & inside)
            drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert np.abs(np.subtract(drawn, (left, top, right, bottom))).max() <= 1, thing
            assert (pixels[rows, columns] == thing.rgb).all(axis=1).any(), thing
            inked[inside] = False
        assert not inked.any()


def test_a_colour_is_drawn_nearest_to_its_own_name() -> None:
    for thing in (thing for scene in SCENES for thing in scene.things):
        distance = {name: np.abs(np.subtract(thing.rgb, rgb)).sum() for name, rgb in COLOURS.items()}
        assert min(distance, key=lambda name: distance[name]) == thing.colour


def test_a_scene_and_its_mirror_image_are_as_likely_but_not_the_same() -> None:
    sides = [content(scene).relation for scene in SCENES if scene.related]
    assert 0.45 < sides.count("above") / len(sides) < 0.55
    for scene in RELATIONS:
        mirrored = replace(scene, things=tuple(replace(thing, x=1 - thing.x) for thing in scene.things))
        same = content(mirrored) == content(scene)
        assert same == (content(scene).relation == "above")
    assert np.mean([scene.things[0].x for scene in SCENES if scene.related]) == pytest.approx(0.5, abs=0.02)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    one, same, other = Scenes(**SMALL), Scenes(**SMALL), Scenes(**SMALL, seed=1)
    assert one.train == same.train
    assert one.fingerprint == same.fingerprint
    assert [one.load(each).tobytes() for each in one.test] == [same.load(each).tobytes() for each in same.test]
    assert one.train != other.train
    assert len({one.fingerprint, other.fingerprint, Scenes(**SMALL, size=96).fingerprint}) == 3
    assert one.load(one.test[0]).size == (64, 64)
    assert one.load(one.test[0]).mode == "RGB"


def test_splits_share_nothing_and_do_not_depend_on_each_other() -> None:
    data = Scenes(**SMALL)
    ids = [each.image_id for part in (data.train, data.validation, data.test) for each in part]
    assert len(set(ids)) == len({data.scene(image_id) for image_id in ids}) == 90
    assert Scenes(**{**SMALL, "train": 10}).test == data.test
    assert Scenes(**{**SMALL, "train": 10}).train == data.train[:10]


@pytest.mark.parametrize("option", ["train=0", "validation=-1", "test=0", "size=-64", "size=31"])
def test_an_option_that_makes_no_sense_is_refused_with_its_value(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        DATASETS.build(f"scenes({option})")


def test_the_references_are_right_in_everything() -> None:
    data = Scenes(**SMALL)
    for number in range(5):
        scores = data.diagnostics({each.image_id: described(each.captions[number]) for each in data.test})
        assert scores == dict.fromkeys(
            ["parsed", "exact", "background", "colour", "shape", "size", "count", "binding", "relation"], 1.0
        )


TAIL = "on a white background"
ERRORS = [
    (PAIR, f"a small blue circle to the left of a large red square {TAIL}", {"binding", "relation"}),
    (PAIR, f"a small green circle to the left of a large blue square {TAIL}", {"colour", "binding", "relation"}),
    (PAIR, f"a small red circle to the left of a large blue heart {TAIL}", {"shape", "binding", "relation"}),
    (PAIR, f"a large red circle to the left of a large blue square {TAIL}", {"size", "binding", "relation"}),
    (PAIR, f"a large red circle to the left of a small blue square {TAIL}", {"binding", "relation"}),
    (PAIR, f"a small red circle to the right of a large blue square {TAIL}", {"relation"}),
    (PAIR, f"a large blue square below a small red circle {TAIL}", {"relation"}),
    (PAIR, "a small red circle to the left of a large blue square on a gray background", {"background"}),
    (FLOCK, "three yellow stars and one green ring on a black background", {"count"}),
    (FLOCK, "one yellow star and two green rings on a black background", set()),
    (FLOCK, "one red ring and two yellow stars on a black background", {"colour"}),
    (replace(FLOCK, things=FLOCK.things[1:]), "one green ring on a black background", {"colour", "shape", "count"}),
    (FLOCK, "one green ring and two yellow stars on a white background", {"background"}),
]


@pytest.mark.parametrize(("scene", "caption", "lowered"), ERRORS)
def test_an_error_lowers_just_the_scores_it_should(scene: Scene, caption: str, lowered: set[str]) -> None:
    scores = accuracy([(scene, described(caption))])
    assert {name for name, score in scores.items() if score == 0} == lowered | {"exact"}
    assert set(scores.values()) == {0, 1}


def test_a_caption_that_does_not_parse_is_wrong_in_everything() -> None:
    maps = np.eye(49)[[22, 22, 22]].reshape(3, 7, 7)  # at the circle, though
    scores = accuracy((scene, described("a red circle", maps)) for scene in (PAIR, FLOCK))
    assert scores.pop("pointing_chance") > 0
    assert set(scores.values()) == {0}
    assert len(scores) == 10


@pytest.mark.parametrize(("rows", "columns"), [(7, 7), (4, 9)])
def test_pointing_is_the_largest_cell_in_the_box_of_the_thing_just_named(rows: int, columns: int) -> None:
    caption = f"a small red circle sits to the left of a large blue square {TAIL}"
    maps = np.full((16, rows, columns), 0.1)
    circle, square = ((int(thing.y * rows), int(thing.x * columns)) for thing in PAIR.things)
    maps[3][circle] = maps[12][square] = 1  # at "circle" and at "square"
    scores = accuracy([(PAIR, described(caption, maps))])
    assert scores["pointing"] == 1
    assert scores["pointing_chance"] == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert accuracy([(PAIR, described(caption.replace("square", "star"), maps))])["pointing"] == 0.5
    assert "pointing" not in accuracy([(PAIR, described(caption))])
    maps[12][circle] = 2  # looks at the circle when it names the square
    assert accuracy([(PAIR, described(caption, maps))])["pointing"] == 0.5
