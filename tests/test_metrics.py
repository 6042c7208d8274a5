"""Metrics with kept references: the digits of pycocoevalcap, whatever was compared before."""

import json
import random
from itertools import pairwise
from types import SimpleNamespace

import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider as TheirCider
from pycocoevalcap.rouge.rouge import Rouge
from test_scoring import SHARED, SYSTEMS

from benchmarks.config import Decoding
from benchmarks.data import Example
from benchmarks.data.formats.coco_json import read_results
from benchmarks.data.formats.references import read_references
from benchmarks.evaluation import validation
from benchmarks.metrics import METRICS
from benchmarks.metrics.cider import Cider
from zoo.vocabulary import tokenize

SHIPPED = {"bleu": lambda: Bleu(4), "rouge": Rouge, "cider": TheirCider}
NASTY = [
    "",
    "a",
    "a a a a a a a a",
    "the the",
    "le caf\u00e9 na\u00efve",
    "-lrb- x -rrb-",
    "x  y",
    "\U0001f600 \u00a0 b",
]


def shipped(name, said, references):
    """Numbers for all images, and for each, by pycocoevalcap's own class."""
    scorer = SHIPPED[name]()
    pair = dict(enumerate(map(list, references))), {image: [caption] for image, caption in enumerate(said)}
    corpus, each = scorer.compute_score(*pair, **({"verbose": 0} if name == "bleu" else {}))
    return (list(corpus), [list(one) for one in each]) if name == "bleu" else ([corpus], [list(each)])


def numbers(scores):
    return [score.corpus for score in scores.values()], [list(score.per_image) for score in scores.values()]


def captions(draw, number, words):
    """Of few words, so that many runs are shared, and of as few images."""
    spoken = [" ".join(draw.choices(words, k=draw.randint(1, 18))) for _ in range(number)]
    return [draw.choice(NASTY) if draw.random() < 0.2 else caption for caption in spoken]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("seed", range(8))
def test_every_digit_is_that_of_pycocoevalcap(name, seed):
    draw = random.Random(seed)
    words = [f"w{number}" for number in range(draw.choice([2, 9, 60]))]
    images = draw.choice([1, 2, 7, 150])
    references = [captions(draw, draw.choice([1, 5, 6]), words) for _ in range(images)]
    references[0].append("a word")
    metric = METRICS.build(name)
    weighed = metric.prepare_references(references)
    for _ in range(3):  # one set of captions after the other against what was weighed once
        said = [draw.choice([*captions(draw, 1, words), draw.choice(known)]) for known in references]
        assert numbers(metric.compare(said, weighed)) == shipped(name, said, references)
        assert numbers(metric.score(said, references)) == shipped(name, said, references)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the published systems in ../shared/scorer")
@pytest.mark.parametrize("name", SHIPPED)
def test_every_digit_of_published_systems_is_that_of_pycocoevalcap(name):
    references = dict(list(read_references(SHARED / "karpathy_test_refs.json").captions.items())[:700])
    plain = [[" ".join(tokenize(caption)) for caption in said] for said in references.values()]
    metric = METRICS.build(name)
    weighed = metric.prepare_references(plain)
    for system in SYSTEMS[:2]:
        results = read_results(SHARED / "results" / f"{system}.json")
        said = [" ".join(tokenize(results[image])) for image in references]
        assert numbers(metric.compare(said, weighed)) == shipped(name, said, plain)


def test_part_of_the_images_has_frequencies_of_its_own():
    draw = random.Random(3)
    references = [captions(draw, 5, ["a", "b", "c", "d", "e"]) for _ in range(30)]
    said = [captions(draw, 1, ["a", "b", "c", "d", "e"])[0] for _ in range(30)]
    cider = METRICS.build("cider")
    whole, part = (
        cider.compare(said, cider.prepare_references(references)),
        cider.compare(said[:9], cider.prepare_references(references[:9])),
    )
    assert numbers(part) == shipped("cider", said[:9], references[:9])
    assert numbers(part)[1][0] != numbers(whole)[1][0][:9]


def test_epochs_are_scored_with_their_own_references(monkeypatch):
    """Those of one data set are weighed once; of another, or of a part, anew."""
    texts = [
        ("A red dog runs.", "the dog"),
        ("Two cats.", "cats asleep"),
        ("a bus", "A red bus drives"),
        ("a cat", "x"),
    ]
    examples = [Example(image, said) for image, said in enumerate(texts)]
    spoken = {0: ["a", "red", "dog"], 1: ["two", "cats", "asleep"], 2: ["a", "red", "bus"], 3: ["a", "cat"]}
    monkeypatch.setattr(validation, "decode", lambda captioner, images, *_: {image: spoken[image] for image in images})
    prepare_references, weighed = Cider.prepare_references, []
    monkeypatch.setattr(
        Cider,
        "prepare_references",
        lambda self, references: weighed.append(references) or prepare_references(self, references),
    )
    ours = validation.Validation(examples)
    for chosen in (examples, examples, examples[:2], examples[1:], examples):
        plain = [[" ".join(tokenize(caption)) for caption in example.captions] for example in chosen]
        expected = shipped("cider", [" ".join(spoken[example.image_id]) for example in chosen], plain)[0]
        store = SimpleNamespace(rows={example.image_id for example in chosen})
        assert [ours.score(None, store, Decoding())] == expected
    assert len(weighed) == 4


def test_weighed_references_are_left_alone():
    references = [["a dog runs", "a b"], ["x"], ["a dog", "b a"]]
    for name in (*SHIPPED, "meteor"):
        metric = METRICS.build(name)
        weighed = metric.prepare_references(references)
        answers = [
            numbers(metric.compare(said, weighed)) for said in (["a", "b", "c"], ["x", "a dog", ""], ["a", "b", "c"])
        ]
        assert answers[0] == answers[2]
        assert any(one != other for one, other in pairwise(map(json.dumps, answers)))
