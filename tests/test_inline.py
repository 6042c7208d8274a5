"""What a notebook shows of a folder of runs and of an explanation: complete, honest, and text stays text."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from records import FEW, failure, record
from test_leaderboard_files import HOSTILE, Page

from benchmarks import Experiment, Leaderboard, Matrix
from benchmarks.leaderboard.html.inline import inline
from benchmarks.leaderboard.tables.summary import summarise
from registry import Spec
from zoo.explain import Explanation

SENTINEL = np.array([0.75, 0.25])


def explained(*words: str, side: int = 300) -> Explanation:
    maps = np.zeros((len(words), 2, 3))
    maps[:, 0, 0] = 0.25
    share = SENTINEL[: len(words)] if len(words) <= len(SENTINEL) else None
    return Explanation(" ".join(words), words, maps, None, share, "sentinel", Image.new("RGB", (side, side // 2)))


def pictures(shown: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', shown)
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]


def attributes(shown: str) -> set[tuple[str, str]]:
    return {(tag, name) for tag, name, _ in Page(shown).attributes}


def test_an_explanation_shows_its_picture_and_a_map_for_each_word():
    shown = explained("a", "square")._repr_html_()
    Page(shown)
    assert [each.size for each in pictures(shown)] == [(160, 80)] * 3
    assert "<figcaption>square<br><small>sentinel 25%</small>" in shown
    assert "Bright: 33% of attention in one cell" in shown  # twice a uniform weight: none is higher


def test_hostile_words_of_an_explanation_stay_text():
    hostile, plain = explained(*HOSTILE)._repr_html_(), explained(*"abcde")._repr_html_()
    assert attributes(hostile) == attributes(plain)
    assert re.findall(r"<(\w+)", hostile) == re.findall(r"<(\w+)", plain)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", hostile)


def test_the_table_has_ranks_intervals_and_what_must_be_known():
    shown = str(inline(summarise([*FEW, failure("RuntimeError: out of memory")])))
    Page(shown)
    assert "Synthetic scenes, not photographs" in shown
    assert shown.count("<tr>") == 1 + len(FEW)
    assert len(re.findall(r"<small>[\d.]+ to [\d.]+</small>", shown)) == len(FEW)
    assert "not the luck of training" in shown
    assert "1 run failed" in shown
    assert "RuntimeError: out of memory" in shown


def test_a_plugin_is_named_beside_its_entry():
    code = {"sources": {"attention": "ab" * 32}}
    shown = str(inline(summarise([record("mine", request=code, origins={"attention": "mine.py"})])))
    assert "<em>plug-in mine.py abababab</em>" in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_records_stay_text(text):
    named = {"dataset": text, "split": text, "parts": {"attention": text}, "origins": {"attention": text}}
    hostile = str(inline(summarise([record(**named), replace(FEW[0], status="failed", error=text)])))
    plain = str(inline(summarise([record(origins={"attention": "a.py"}), failure("why")])))
    assert attributes(hostile) == attributes(plain)
    assert set(re.findall(r"<(\w+)", hostile)) <= {*re.findall(r"<(\w+)", plain), "wbr"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", hostile)


def test_a_folder_is_read_whenever_it_is_shown(tmp_path):
    board = Leaderboard(tmp_path)
    assert "No finished runs yet." in board._repr_html_()
    for each in FEW:
        (tmp_path / each.id).mkdir()
        each.save(tmp_path / each.id)
    assert board._repr_html_().count("<tr>") == 1 + len(FEW)
    assert repr(board).startswith("# Leaderboard")
    (tmp_path / FEW[0].id / "record.json").write_text("{}")
    assert board._repr_html_().count("<tr>") == len(FEW)
    assert f"<p>Passed over: {tmp_path}" in board._repr_html_()
    assert f"Passed over: `{tmp_path}" in repr(board)


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .* with run records: benchmarks\.run makes them"):
        Leaderboard(tmp_path / "none")


def test_an_experiment_takes_texts():
    texts = Experiment("scenes(train=3)", Matrix("patches", ["mean", "luong"], "lstm(dim=8)", [1, 2]), metrics="cider")
    specs = Experiment(
        Spec("scenes", options={"train": 3}),
        Matrix((Spec("patches"),), (Spec("mean"), Spec("luong")), (Spec("lstm", options={"dim": 8}),), (1, 2)),
        metrics=(Spec("cider"),),
    )
    assert texts == specs
