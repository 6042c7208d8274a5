"""METEOR with a table of paraphrases cut for its references: the same digits, whatever a caption says."""

import gzip
import random
import threading

import pytest

from benchmarks import java, paraphrases
from benchmarks.metrics import meteor
from benchmarks.metrics.meteor import Engine, Meteor

REFERENCES = [
    ["a man rides a horse on the beach", "the t-shirt of u.s. make is n't red", "two people near the water"],
    ["caf\u00e9 tables by the road 1,000 o'clock", "a lot of cars in front of a building", "\u212aids play ball"],
    ["a small child with a big dog", "some-body in order to eat food", "ex-wife 's blue car ... and the house"],
]
ALL = frozenset(each for said in REFERENCES for each in said)


@pytest.fixture(scope="module")
def pairs():
    """The full table's pairs."""
    return [pair for lines in paraphrases._lines() for pair in zip(lines[1::3], lines[2::3], strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def table(folder):
    return paraphrases.kept(ALL, folder)


@pytest.fixture(scope="module")
def engines(table):
    """METEOR with the whole table, and with the one that was cut."""
    both = meteor.engine(), Engine()
    for engine in both:
        engine.start()
    both[0].prepare(ALL, None)
    both[1]._restart(table, ALL)
    yield both
    both[1].kill()


def stands_in(phrase, references):
    return any(f" {phrase} " in f" {said} " for said in references)


def sentences(pairs, number):
    """References with phrases replaced by what the table has for them, either way, and with words from anywhere."""
    chance = random.Random(4)
    chosen = [
        (said, old.decode(), new.decode())
        for one, other in pairs
        for old, new in ((one, other), (other, one))
        for said in (chance.choice(REFERENCES[0] + REFERENCES[1] + REFERENCES[2]),)
        if b" " + old + b" " in b" " + said.encode() + b" "
    ]
    words = [word for one, _ in chance.sample(pairs, 300) for word in one.decode().split()]
    for said, old, new in chance.sample(chosen, number):
        changed = f" {said} ".replace(f" {old} ", f" {new} ").split()
        for place in chance.sample(range(len(changed)), len(changed) // 3):
            changed.insert(place, chance.choice(words) if chance.random() < 0.5 else "qzx")
        yield " ".join(changed)


def answers(engine, captions, references):
    lines = [" ||| ".join(["SCORE", *said, caption]) for caption in captions for said in references]
    return engine._process.ask(lines, len(lines))


def test_the_same_digits_whatever_is_said(engines, pairs):
    captions = list(sentences(pairs, 600))
    captions += ["tshirt of us make", "the us", "cafe tables", "k ids", "kids play", "1 000 o clock", "", "1000"]
    full, cut = (answers(engine, captions, REFERENCES) for engine in engines)
    assert cut == full


def test_most_of_the_table_goes_and_what_stands_in_a_reference_stays(table, pairs):
    kept = gzip.decompress(table.read_bytes()).split(b"\n")
    kept = set(zip(kept[4::3], kept[5::3], strict=False))
    assert 0 < len(kept) < len(pairs) / 10
    plain = [said.encode() for said in ALL if said.isascii()]
    for pair in random.Random(1).sample(pairs, 20_000):
        if any(b" " + phrase + b" " in b" " + said + b" " for phrase in pair for said in plain):
            assert pair in kept, pair
    assert kept <= set(pairs)


def test_the_limits_are_those_of_the_table(pairs):
    phrases = {phrase for pair in pairs for phrase in pair}
    assert max(phrase.count(b" ") + 1 for phrase in phrases) == paraphrases.LONGEST
    assert max(len(phrase.translate(None, paraphrases._OTHERS)) for phrase in phrases) == paraphrases.LETTERS


def test_a_table_that_misses_a_reference_is_caught(engines, folder, pairs):
    """The planted mistake: a table for other references."""
    other = Engine()
    other._restart(paraphrases.kept(frozenset(["a"]), folder), ALL)
    captions = list(sentences(pairs, 100))
    full, cut = (answers(engine, captions, REFERENCES) for engine in (engines[0], other))
    other.kill()
    assert cut != full
