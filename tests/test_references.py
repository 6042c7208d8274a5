"""Tokenized references: cached for the next process, and never those of something else."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading

import pytest

from benchmarks.evaluation import scorer as score
from benchmarks.evaluation.scorer import Scorer
from benchmarks.metrics import METRICS, Metric, MetricScore
from benchmarks.metrics.java.token_cache import cached_tokens

CAPTIONS = ["A dog.", "Two cats\ud800", "", "caf\u00e9 \u2028 x"]
REFERENCES = {7: ["a dog runs", "the dog"], 2: ["two cats", "cats on a couch"], 5: ["a bus"], 4: ["a red bus", "it"]}
SAID = {7: "a dog", 2: "two cats on it", 5: "the bus", 4: "a red dog"}


class Tokenizer:
    """Lower case, and a list of what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, captions):
        self.asked.append(list(captions))
        return [caption.lower().replace("\ud800", "") for caption in self.asked[-1]]


@pytest.fixture
def tokenizer(monkeypatch):
    found = Tokenizer()
    monkeypatch.setattr(score, "tokenize", found)
    return found


def test_the_same_captions_are_tokenized_once(tmp_path):
    tokenizer = Tokenizer()
    first = cached_tokens(CAPTIONS, tokenizer, tmp_path)
    assert first == Tokenizer()(CAPTIONS)
    assert cached_tokens(CAPTIONS, tokenizer, tmp_path) == first
    assert len(tokenizer.asked) == 1
    other = cached_tokens(CAPTIONS[::-1], tokenizer, tmp_path)
    assert other == first[::-1]
    assert cached_tokens(CAPTIONS[:2], tokenizer, tmp_path) == first[:2]
    assert len(tokenizer.asked) == 3
    assert len(list((tmp_path / "references").iterdir())) == 3


def test_without_a_folder_nothing_is_cached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokenizer = Tokenizer()
    assert cached_tokens(CAPTIONS, tokenizer, None) == cached_tokens(CAPTIONS, tokenizer, None)
    assert len(tokenizer.asked) == 2
    assert not list(tmp_path.iterdir())


_PROCESS = """
import sys, pathlib
from benchmarks.metrics.java.token_cache import cached_tokens
def tokenize(captions):
    print("asked")
    return [caption.upper() for caption in captions]
captions = [f"caption {number}" for number in range(20_000)]
assert cached_tokens(captions, tokenize, pathlib.Path(sys.argv[1])) == [caption.upper() for caption in captions]
assert not {"torch", "numpy"} & set(sys.modules)
"""


def test_processes_may_ask_at_once_and_the_next_finds_it(tmp_path):
    command = [sys.executable, "-c", _PROCESS, str(tmp_path)]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.wait(60) for process in together] == [0, 0, 0]
    assert b"asked" in b"".join(process.communicate()[0] for process in together)
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == b""
    (file,) = (tmp_path / "references").iterdir()
    assert file.suffix == ".json"


def signed(content, key=""):
    return (hashlib.sha256((key + content).encode()).hexdigest() + "\n" + content).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole.replace(b"dog", b"cat"),
        lambda whole: whole.partition(b"\n")[2],
        lambda whole: b"\xff\xfe" + whole,
        lambda whole: signed(json.dumps(["x"] * len(CAPTIONS))),
        lambda whole: pickle.dumps(CAPTIONS),
    ],
)
def test_a_damaged_or_foreign_file_is_made_again(damage, tmp_path):
    tokenizer = Tokenizer()
    first = cached_tokens(CAPTIONS, tokenizer, tmp_path)
    (file,) = (tmp_path / "references").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert cached_tokens(CAPTIONS, tokenizer, tmp_path) == first
    assert len(tokenizer.asked) == 2
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a": 1, "b": 2, "c": 3, "d": 4}', "[1, 2, 3, 4]", '["a"]', "null"]
)
def test_a_file_with_the_right_sum_of_the_wrong_thing_is_made_again(content, tmp_path):
    from importlib.metadata import version

    tokenizer = Tokenizer()
    first = cached_tokens(CAPTIONS, tokenizer, tmp_path)
    (file,) = (tmp_path / "references").iterdir()
    key = hashlib.sha256(json.dumps([1, version("pycocoevalcap"), CAPTIONS]).encode()).hexdigest()
    assert signed(json.dumps(first), key) == file.read_bytes()
    file.write_bytes(signed(content, key))
    assert cached_tokens(CAPTIONS, tokenizer, tmp_path) == first
    assert len(tokenizer.asked) == 2


def test_another_set_of_captions_has_another_file_even_under_its_name(tmp_path):
    tokenizer = Tokenizer()
    cached_tokens(["a", "b"], tokenizer, tmp_path)
    (one,) = (tmp_path / "references").iterdir()
    cached_tokens(["c", "d"], tokenizer, tmp_path)
    (other,) = set((tmp_path / "references").iterdir()) - {one}
    one.replace(other)
    assert cached_tokens(["c", "d"], tokenizer, tmp_path) == ["c", "d"]


def test_a_folder_that_takes_nothing_costs_no_score(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert cached_tokens(["A"], Tokenizer(), tmp_path / "file") == ["a"]

    def full(handle):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    assert cached_tokens(["A"], Tokenizer(), tmp_path) == ["a"]
    assert not list((tmp_path / "references").iterdir())


METRIC_NAMES = ["bleu", "rouge", "cider"]


def test_a_scorer_asks_for_its_references_once(tokenizer, tmp_path):
    said = list(SAID.values())
    spoken = [caption for image in SAID for caption in REFERENCES[image]]
    first = Scorer(REFERENCES, METRIC_NAMES, cache=tmp_path)
    scores = first.score(SAID)
    assert tokenizer.asked == [spoken, said]
    assert first.score(SAID) == scores
    assert Scorer(REFERENCES, METRIC_NAMES, cache=tmp_path).score(SAID) == scores
    assert tokenizer.asked == [spoken, said, said, said]
    changed = Scorer(REFERENCES | {5: ["a train"]}, METRIC_NAMES, cache=tmp_path).score(SAID)
    assert len(tokenizer.asked) == 6
    assert changed.per_image["CIDEr"][5] != scores.per_image["CIDEr"][5]
    assert Scorer(REFERENCES, METRIC_NAMES).score(SAID) == scores


def test_captions_scored_before_leave_no_trace(tokenizer):
    """Other captions, a part of the images, another order: each as from a scorer of its own."""
    shared = Scorer(REFERENCES, METRIC_NAMES)
    part = {image: SAID[image] for image in (5, 7)}
    other = dict(zip(SAID, reversed(SAID.values()), strict=True))
    for candidates in (SAID, other, part, SAID, dict(reversed(SAID.items())), dict.fromkeys(SAID, ""), part):
        assert shared.score(candidates) == Scorer(REFERENCES, METRIC_NAMES).score(candidates)


def test_references_that_are_not_looked_at_again_are_caught(tokenizer, monkeypatch):
    """The planted mistake: a scorer that never sees that other images are asked for."""
    part = {image: SAID[image] for image in (5, 7, 2)}
    stale, prepare = Scorer(REFERENCES, ["cider"]), Scorer._prepare
    monkeypatch.setattr(Scorer, "_prepare", lambda self, images: self._images or prepare(self, images))
    stale.score({image: SAID[image] for image in (7, 2, 4)})
    assert stale.score(part).values != Scorer(REFERENCES, ["cider"]).score(part).values


class Program:
    """In the place of METEOR's process: it answers when it may, or fails when it is killed."""

    def __init__(self):
        self.prepared, self.ended, self.may = [], False, threading.Event()

    def prepare(self, references, cache):
        self.prepared.append((references, cache))

    def close(self):
        self.kill()

    def kill(self):
        self.ended = True
        self.may.set()


class Asking(Metric):
    columns, signature, program = ("asked",), "asked", Program()

    def score(self, candidates, references):
        assert self.program.may.wait(30), "the other metrics wait for this one"
        if self.program.ended:
            raise ValueError("it ended")
        return {"asked": MetricScore(float(len(candidates)), [len(said) for said in references])}


class Working(Metric):
    """Of the simplest kind, as others write them: with `score` alone."""

    columns, signature, how = ("worked",), "worked", None

    def score(self, candidates, references):
        type(self).how()
        return {"worked": MetricScore(1.0, [float(len(said.split())) for said in candidates])}


@pytest.fixture
def plugged(tokenizer, monkeypatch):
    monkeypatch.setattr(Asking, "program", Program())
    monkeypatch.setitem(METRICS._factories, "asking", Asking)
    monkeypatch.setitem(METRICS._factories, "working", Working)
    return Asking.program


def test_a_program_is_asked_while_python_works(plugged, monkeypatch):
    monkeypatch.setattr(Working, "how", plugged.may.set)
    scores = Scorer(REFERENCES, ["asking", "working", "rouge"]).score(SAID)
    assert list(scores.values) == ["asked", "worked", "ROUGE_L"]
    assert scores.per_image["asked"] == {image: len(REFERENCES[image]) for image in SAID}
    assert scores.per_image["worked"] == {7: 2, 2: 4, 5: 2, 4: 3}


def test_programs_are_prepared_with_what_is_known_before_captions_are(plugged, tmp_path):
    scorer = Scorer(REFERENCES, ["asking"], cache=tmp_path)
    assert plugged.prepared == []
    plugged.may.set()
    scorer.score(SAID)
    assert plugged.prepared == [([REFERENCES[image] for image in SAID], tmp_path)]


def test_what_goes_wrong_while_a_program_is_prepared_is_raised(plugged, monkeypatch):
    def prepare(references, cache):
        raise OSError("no space left")

    monkeypatch.setattr(plugged, "prepare", prepare)
    plugged.may.set()
    with pytest.raises(OSError, match="no space left"):
        Scorer(REFERENCES, ["asking"]).score(SAID)


def test_what_is_cached_can_be_read_by_others(tmp_path):
    cached_tokens(CAPTIONS, Tokenizer(), tmp_path)
    (file,) = (tmp_path / "references").iterdir()
    assert file.stat().st_mode & 0o777 == 0o644


def test_who_interrupts_does_not_wait_for_a_program(plugged, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(Working, "how", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Scorer(REFERENCES, ["asking", "working"]).score(SAID)
    assert plugged.ended


def test_what_a_program_raises_is_raised(plugged, monkeypatch):
    monkeypatch.setattr(Working, "how", plugged.kill)
    with pytest.raises(ValueError, match="it ended"):
        Scorer(REFERENCES, ["working", "asking"]).score(SAID)
