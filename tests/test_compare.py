"""`caption-zoo compare`: the verdict, the figures, the images; and what may not be compared."""

import json
from dataclasses import asdict, replace

import pytest
from records import COCO, FEW, record, sealed

from benchmarks.cli.main import main

MEAN, BAHDANAU, LUONG = FEW


def saved(found, folder):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{found.id}.json"
    file.write_text(json.dumps(sealed(asdict(found))))
    return str(file)


def test_text_has_the_verdict_the_figures_and_the_images(tmp_path, capsys):
    assert main(["compare", saved(LUONG, tmp_path), saved(MEAN, tmp_path), "--images", "1"]) == 0
    said = capsys.readouterr().out
    assert "A  efficientnet_lite + luong + lstm(dim=256)  (1 seed; " in said
    assert "A is better, also for somebody who looked at all pairs of 2 entries." in said
    (line,) = [line.split() for line in said.splitlines() if line.startswith("CIDEr")]
    assert line[1:3] == [f"{100 * each.scores['CIDEr']:.1f}" for each in (LUONG, MEAN)]
    gaps = {key: LUONG.per_image["CIDEr"][key] - MEAN.per_image["CIDEr"][key] for key in LUONG.per_image["CIDEr"]}
    best = max(gaps, key=gaps.get)
    assert f"image {best}\n  A {100 * LUONG.per_image['CIDEr'][best]:6.1f}  {LUONG.captions[best]}\n" in said


def test_a_family_makes_the_same_gap_less_sure(tmp_path, capsys):
    family = [record(f"bahdanau(hidden_dim={i})", level=0.6) for i in range(20)]
    for each in family:
        saved(each, tmp_path / "runs")
    pair = [saved(record(level=0.6), tmp_path), saved(record("luong", level=0.68), tmp_path)]
    main(["compare", *pair, "--json"])
    alone = json.loads(capsys.readouterr().out)
    main(["compare", *pair, "--among", str(tmp_path / "runs"), "--json"])
    among = json.loads(capsys.readouterr().out)
    assert among["gap"] == alone["gap"]
    assert alone["threshold"] == pytest.approx(1.96, abs=0.1)
    assert among["threshold"] > 2.8
    assert among["entries"] == 22


def test_seeds_of_one_entry_may_lie_in_a_folder(tmp_path, capsys):
    for seed in (0, 1):
        saved(record(seed=seed), tmp_path / "a")
    assert main(["compare", str(tmp_path / "a"), saved(MEAN, tmp_path)]) == 0
    assert "(2 seeds; " in capsys.readouterr().out


def test_hostile_text_stays_on_its_line(tmp_path, capsys):
    odd = replace(LUONG, captions=dict.fromkeys(LUONG.captions, "a\x1b[31m\ncat"))
    assert main(["compare", saved(odd, tmp_path), saved(MEAN, tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    shown = [line for line in said.splitlines() if "cat" in line]
    assert shown
    assert all("a\ufffd[31m cat" in line or "a cat" in line for line in shown)


def test_a_run_that_gave_way_to_a_later_one_names_it(tmp_path, capsys):
    older, later = (record(level=level, finished=f"2026-11-{day}") for level, day in ((0.6, 20), (0.65, 21)))
    rival, folder = saved(MEAN, tmp_path / "c"), tmp_path / "runs"
    saved(later, folder)
    assert main(["compare", saved(older, tmp_path / "a"), rival, "--among", str(folder)]) == 2
    assert f"run {older.id} gave way to {later.id}" in capsys.readouterr().err
    assert main(["compare", str(folder / f"{later.id}.json"), rival, "--among", str(tmp_path / "a")]) == 0


def test_it_is_named_where_other_seeds_started_from_other_runs(tmp_path, capsys):
    starts = [record("luong", seed=seed) for seed in range(2)]
    older, later = (
        record("luong", seed=1, level=level, finished=f"2026-11-{day}", request={"start_from": starts[1].id})
        for level, day in ((0.6, 20), (0.65, 21))
    )
    first = record("luong", request={"start_from": starts[0].id})
    rival, folder = saved(record("mean", request={"start_from": starts[0].id}), tmp_path / "c"), tmp_path / "runs"
    for each in (first, later):
        saved(each, folder)
    assert main(["compare", saved(older, tmp_path / "a"), rival, "--among", str(folder)]) == 2
    assert f"run {older.id} gave way to {later.id}" in capsys.readouterr().err


def test_what_may_not_be_compared_is_a_mistake(tmp_path, capsys):
    a = saved(LUONG, tmp_path)
    other = saved(record("mean", request={"decoding": {"num_beams": 1}}), tmp_path)
    photographs = saved(record("mean", **COCO), tmp_path)
    failed = saved(replace(MEAN, status="failed", id="0123456789ab"), tmp_path)
    for b, said in (
        (other, "they differ in decoding"),
        (photographs, "they differ in dataset"),
        (a, "are the same entry"),
        (failed, "holds no finished run"),
        (str(tmp_path), "entries: name the folder or the record of one"),
        (str(tmp_path / "none"), "no record or folder"),
    ):
        assert main(["compare", a, b]) == 2
        assert said in capsys.readouterr().err
