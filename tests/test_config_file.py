"""A config is data: what runs code, reads other files, explodes or contradicts itself is refused in one line."""

import json
import os

import pytest
from sandbox import calls_here

from benchmarks.cli.main import main

GOOD = "dataset: scenes(train=4, validation=1, test=2)\nmatrix: {backbone: patches(dim=8), attention: mean}\ntraining: {min_count: 1}\n"


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def check(tmp_path, text, capsys):
    file = tmp_path / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    code = main(["check", str(file)])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("text", [GOOD, "\ufeff" + GOOD, GOOD.replace("patches(dim=8)", "[patches(dim=8)]")])
def test_one_entry_of_an_axis_may_stand_alone(tmp_path, capsys, text):
    code, out, err = check(tmp_path, text, capsys)
    assert code == 0, err
    assert "patches(dim=8) + mean + lstm, seed 0" in out


def test_json_is_a_config_too(tmp_path, capsys):
    values = {"dataset": "scenes(train=4, validation=1, test=2)", "training": {"min_count": 1}}
    code, _, err = check(
        tmp_path, json.dumps(values | {"matrix": {"backbone": "patches", "attention": "mean"}}), capsys
    )
    assert code == 0, err


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD + "plugin: [FILE]\n", "plugin belongs on the command line"),
        (GOOD + "config: /etc/passwd\n", "config belongs on the command line"),
        (GOOD + "colour: red\n", "no key of a config"),
        (GOOD + "metrics: bleu\nmetrics: cider\n", "line 5, column 1: the key 'metrics' is there twice"),
        (GOOD.replace("min_count: 1", "min_count: 1, min_count: 2"), "the key 'min_count' is there twice"),
        (BOMB + GOOD, "aliases are not read"),
        ("# " + "x" * 2_000_000 + "\n" + GOOD, "has more than 64 KiB"),
        (GOOD.replace("attention: mean", f"attention: mean, seeds: {list(range(200_000))}"), "has more than 64 KiB"),
        (GOOD.replace("attention: mean", f"attention: {['mean'] * 101}, seeds: {[1] * 1001}"), "has 101,101 cells"),
        (GOOD.replace("attention: mean", "attention: mean, seeds: -1"), "seeds lie between 0 and"),
        (GOOD.replace("train=4", "train=1000000000"), "is too much to make"),
        (GOOD.replace("scenes(train=4, validation=1, test=2)", "coco(root='a #b')"), "at #: put it in quotes"),
        (GOOD.replace("scenes(train=4, validation=1, test=2)", "coco(root='a: b')"), "with a colon in quotes"),
        (GOOD.replace("min_count: 1", "min_count: 99"), "occurs 99 times: lower min_count"),
        (GOOD + "name: !!int ''\n", "config"),
        (GOOD + "name: 2024-13-45\n", "config.yaml: month must be"),
        (GOOD.replace("min_count: 1", "2024-01-01: 1"), "a key is no text"),
        ("[1, 2]", "should have keys and values"),
        ("[" * 100_000, "config"),
        (b"dataset: \xff\xfe", "not in UTF-8"),
        ("dataset: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
    ],
)
def test_what_no_config_holds_is_refused_in_one_line(tmp_path, capsys, text, why):
    if isinstance(text, str) and "FILE" in text:
        (tmp_path / "plugin.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        text = text.replace("FILE", str(tmp_path / "plugin.py"))
    code, out, err = check(tmp_path, text, capsys)
    assert (code, out) == (2, "")
    assert why in err
    assert err.count("\n") == 1
    assert len(err) < 1000
    assert "root:" not in err
    assert not (tmp_path / "ran").exists()


def test_a_pipe_is_no_config(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert main(["check", str(tmp_path / "pipe.yaml")]) == 2
    assert "is no file" in capsys.readouterr().err
