"""Records from anywhere: what fits itself passes, and whatever was changed is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from honest import SPEC, hashed, honest_record
from records import COCO

from benchmarks.cli.main import main
from benchmarks.records.record import RunRecord
from benchmarks.verification.rescore import RecordChecker, _Rescorer
from registry import Spec

METRICS = ["bleu", "rouge", "cider"]


@pytest.fixture(scope="module")
def honest():
    """A record whose captions were scored in truth: of each image its first reference, cut short."""
    return honest_record(METRICS)


def signed(found: RunRecord, **request) -> RunRecord:
    """The id that its request gives."""
    return hashed(replace(found, request={**found.request, **found.parts, "seed": found.seed, **request}))


def saved(found: RunRecord, folder: Path, name: str = "") -> Path:
    file = folder / f"{name or found.id}.json"
    file.write_text(json.dumps({**found.to_json(), "sha256": found.digest}))
    return file


def problems(found: RunRecord, folder: Path, name: str = "") -> list[str]:
    return list(RecordChecker().problems([saved(found, folder, name)]))


def test_an_honest_record_passes(honest, tmp_path):
    assert problems(honest, tmp_path) == []


def on(dataset: str, found: RunRecord) -> RunRecord:
    return signed(replace(found, dataset=dataset), dataset=dataset)


def swapped(scores: dict[str, float]) -> dict[str, float]:
    """The same mean, but two images have each other's score."""
    (one, low), (other, high) = sorted(scores.items(), key=lambda item: item[1])[:: len(scores) - 1]
    return scores | {one: high, other: low}


def changed(field, how):
    return lambda found: replace(found, **{field: how(getattr(found, field))})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("request", lambda old: old | {"seed": 9}), "not the hash of its request"),
        (changed("seed", lambda old: 9), "its seed is 9, its request says 0"),
        (changed("parts", lambda old: old | {"attention": "luong"}), "its attention is 'luong'"),
        (changed("scores", lambda old: old | {"Bleu_4": old["Bleu_4"] + 1e-3}), "its captions give Bleu_4"),
        (changed("captions", lambda old: old | {next(iter(old)): "a large star"}), "its captions give"),
        (changed("captions", lambda old: dict(list(old.items())[1:])), "captions of other images"),
        (changed("per_image", lambda old: {"CIDEr": old["CIDEr"] | {next(iter(old["CIDEr"])): 9.0}}), "has the mean"),
        (changed("per_image", lambda old: {}), "no CIDEr per image"),
        (changed("scores", lambda old: old | {"METEOR": 1.5}), "its METEOR is 1.5"),
        (changed("scores", lambda old: old | {"METEOR": "good"}), "of its scores should be a number"),
        (changed("scores", lambda old: old | {"CIDEr": None}), "of its scores should be a number"),
        (changed("scores", lambda old: old | {"Bleu_4": [0.3]}), "of its scores should be a number"),
        (changed("scores", lambda old: old | {"CIDEr": -0.1}), "its CIDEr is -0.1"),
        (changed("scores", lambda old: old | {"Bleu_5": 0.1}), "its captions give Bleu_5 nothing, it says 0.1"),
        (changed("per_image", lambda old: {"CIDEr": swapped(old["CIDEr"])}), "its captions give for CIDEr of image"),
        (changed("signature", lambda old: old.replace("1.2", "1.1")), "its captions are scored here by"),
        (changed("captions", lambda old: {}), "no captions, so its scores cannot be checked"),
        (changed("captions", lambda old: old | {"x": "a cat"}), "not those of all test images"),
        (changed("split", lambda old: "validation"), "its split is 'validation', its data set has 'test'"),
        (changed("synthetic", lambda old: False), "its synthetic is False"),
        (changed("parts", lambda old: {**old, "attention": ""}), "does not say which attention"),
        (changed("parts", lambda old: {**old, "attention": "me\u0430n"}), "'me\\u0430n' is none of caption-zoo"),
        (changed("weights", lambda old: ""), "does not say where the weights"),
        (changed("diagnostics", lambda old: old | {"exact": 1.5}), "its exact is 1.5, which is no share"),
        (changed("params", lambda old: 0), "its params is 0"),
        (lambda old: signed(old, metrics=[]), "its captions give CIDEr nothing"),
        (lambda old: signed(old, metrics=7), "its request.metrics should be a list"),
        (lambda old: on("scenes(test=300000)", old), "add up to more than 200,000"),
        (lambda old: on("folder(root='/')", old), "says with root where data lie"),
        (lambda old: on("scrapes", old), "cannot be scored again: no dataset 'scrapes'"),
        (changed("throughput", lambda old: old | {"beam_images_per_sec": -1.0}), "beam_images_per_sec is -1.0"),
        (changed("environment", lambda old: old | {"commit": "abc+"}), "changed files"),
        (changed("environment", lambda old: old | {"commit": None}), "does not say with which commit"),
        (changed("request", lambda old: old | {"protocol": 0}), "of protocol 0"),
        (changed("data", lambda old: {"fingerprint": "other"}), "fingerprint of its data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_was_changed_is_named(honest, change, said, tmp_path):
    assert any(said in problem for problem in problems(change(honest), tmp_path, honest.id))


def test_a_wrong_name_and_a_copy_are_named(honest, tmp_path):
    (found,) = problems(honest, tmp_path, "0123456789ab")
    assert f"should be called {honest.id}" in found
    (tmp_path / "again").mkdir()
    files = [saved(honest, tmp_path), saved(honest, tmp_path / "again")]
    assert ["the same run as" in each for each in RecordChecker().problems(files)] == [True]


@pytest.mark.parametrize("claimed", [False, True])
def test_pictures_of_others_are_not_passed_on_whatever_a_record_says_of_itself(honest, claimed, tmp_path):
    photographs = on(COCO["dataset"], replace(honest, split="test", synthetic=claimed))
    assert any("not ours to pass on" in each for each in problems(photographs, tmp_path))
    assert any("not ours to pass on" in each for each in problems(on("scrapes", photographs), tmp_path))
    assert problems(honest, tmp_path) == []


def test_records_of_other_data_are_not_scored_by_what_was_made_for_the_first(honest, tmp_path):
    forged = signed(replace(honest, data={**honest.data, "fingerprint": "f00dcafe"}), fingerprint="f00dcafe")
    checker = RecordChecker()
    (found,) = checker.problems([saved(honest, tmp_path), saved(forged, tmp_path)])
    assert found.startswith(str(tmp_path / forged.id))
    assert "has the fingerprint" in found
    assert checker.rescored == 1


def test_records_that_are_scored_alike_are_scored_together(honest, tmp_path, monkeypatch):
    made, make = [], _Rescorer.of.__func__
    monkeypatch.setattr(_Rescorer, "of", classmethod(lambda cls, *given: made.append(given) or make(cls, *given)))
    few = honest_record(["cider"])
    files = [saved(signed(replace(found, seed=seed)), tmp_path) for seed in (0, 1, 2) for found in (honest, few)]
    checker = RecordChecker()
    list(checker.problems(files))
    assert (checker.rescored, len(made)) == (6, 2)


def test_a_data_set_that_is_given_scores_captions_again(honest, tmp_path):
    elsewhere = RecordChecker(Spec.parse("scenes(test=9, train=9, validation=3)"))
    assert any("fingerprint" in each for each in elsewhere.problems([saved(honest, tmp_path)]))


def test_the_command_checks_records_and_page(honest, tmp_path, capsys):
    saved(honest, tmp_path)
    assert main(["leaderboard", str(tmp_path), "--check"]) == 0
    assert "1 records hold, the captions of 1 were scored again; there is no page" in capsys.readouterr().out
    assert main(["leaderboard", str(tmp_path)]) == 0
    assert main(["leaderboard", str(tmp_path), "--check"]) == 0
    page = tmp_path / "leaderboard" / "index.html"
    page.write_text(page.read_text().replace("caption-zoo", "caption-zoo!", 1))
    assert main(["leaderboard", str(tmp_path), "--check"]) == 1
    assert "index.html: is not what the records give" in capsys.readouterr().err
    saved(replace(honest, seed=3), tmp_path, honest.id)
    (tmp_path / "0123456789ab.json").write_text("[]")
    assert main(["leaderboard", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "its seed is 3" in said
    assert said.count("0123456789ab.json") == 1
    assert "0123456789ab.json is no run record" in said


def test_what_cannot_be_checked_is_a_mistake(honest, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    saved(honest, tmp_path)
    for line, said in (
        ([str(tmp_path / "empty"), "--check"], "no run records below"),
        ([str(tmp_path), "--check", "--out", str(tmp_path / "none")], "with a page to check"),
        ([str(tmp_path), "--dataset", SPEC], "--dataset is for --check"),
    ):
        assert main(["leaderboard", *line]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "leaderboard").exists()


def test_what_a_record_says_stays_on_its_line(honest, tmp_path, capsys):
    saved(replace(honest, diagnostics={**honest.diagnostics, "exact\n\x1b[31m": 2.0}), tmp_path)
    assert main(["leaderboard", str(tmp_path), "--check"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("its exact \ufffd[31m is 2.0, which is no share")
    assert "its diagnostics have" in second
