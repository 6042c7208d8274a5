"""The quick look at finished runs: it says what the whole record says, and sees what is missing or torn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from records import failure, record

from benchmarks.data.formats.coco_json import write_results
from benchmarks.records.record import CAPTIONS, FILE, REQUEST, RunRecord
from benchmarks.records.request import identity
from benchmarks.records.tail import CONFIG, WEIGHTS, damage, read_tail
from zoo import folder as zoo_folder

PUBLISHED = sorted((Path(__file__).parents[1] / "docs" / "leaderboard").glob("*.json"))


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run, with all that is in it."""
    found = record(images=40)
    found = replace(found, id=identity(found.request))
    folder = tmp_path / found.id
    folder.mkdir()
    found.save(folder)
    (folder / REQUEST).write_text(json.dumps(found.request, indent=1, sort_keys=True) + "\n")
    write_results({1: "a cat"}, folder / CAPTIONS)
    tensors = {"decoder.weight": torch.zeros(3, 2), "mask": torch.zeros(5, dtype=torch.bool)}
    zoo_folder.write(folder, tensors, parts=found.parts, words=["cat"], backbone_weights="", backbone_stored=False)
    return folder


def same(folder: Path) -> bool:
    tail, whole = read_tail(folder), RunRecord.load(folder)
    return tail is not None and all(getattr(tail, name) == getattr(whole, name) for name in tail.__dataclass_fields__)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_the_end_of_a_published_record_says_what_the_record_says(file, tmp_path):
    (tmp_path / FILE).write_bytes(file.read_bytes())
    assert same(tmp_path)
    whole = RunRecord.load(file)
    weights = set() if "ensemble" in whole.request else {CONFIG, WEIGHTS}  # which lie beside its members
    assert {CAPTIONS, REQUEST} | weights == set(whole.files)


def test_records_of_any_size_and_of_failures_have_an_end(tmp_path):
    for images in (1, 2000):
        record(images=images).save(tmp_path)
        assert same(tmp_path)
        assert read_tail(tmp_path).done
    failure().save(tmp_path)
    assert same(tmp_path)
    assert not read_tail(tmp_path).done


def test_a_text_that_looks_like_the_end_is_none(tmp_path):
    said = '\n "schema": 1,\n "status": "failed"\n}\n'
    replace(record(images=3), weights=said, captions={"1": said}).save(tmp_path)
    assert same(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text[:-2],
        lambda text: "",
        lambda text: text.replace('"schema": 1', '"schema": 2'),
        lambda text: text.replace('"status": "done"', '"status": "over"'),
        lambda text: text.replace('"seed": 0', '"seed": 0,\n "seed": 1'),
        lambda text: text.replace('"seed": 0', '"seed": "0"'),
        lambda text: text.replace('"CIDEr": 0.', '"CIDEr": NaN, "x": 0.'),
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps({"schema": 1, **json.loads(text)}, indent=1) + "\n",
        lambda text: text.replace('\n "status"', "\x00"),
    ],
)
def test_what_is_no_such_end_is_left_to_whoever_reads_the_whole(spoil, run):
    text = (run / FILE).read_text()
    (run / FILE).write_text(spoil(text))
    assert spoil(text) != text
    assert read_tail(run) is None


def test_where_there_is_no_record_there_is_no_end(tmp_path):
    assert read_tail(tmp_path) is None
    assert read_tail(tmp_path / "none") is None


def test_a_whole_run_has_no_damage(run):
    assert damage(run) is None


@pytest.mark.parametrize("name", [CAPTIONS, CONFIG, WEIGHTS, REQUEST])
def test_a_missing_or_torn_file_is_named(name, run):
    whole = (run / name).read_bytes()
    for torn in (b"", whole[:4], whole[: len(whole) // 2], whole[:-1], whole[:-3], bytes(len(whole))):
        (run / name).write_bytes(torn)
        assert str(damage(run)).startswith(name)
    (run / name).unlink()
    assert str(damage(run)).startswith(f"{name} cannot be read: ")
    (run / name).mkdir()
    assert str(damage(run)).startswith(name)


def test_bytes_too_many_and_another_request_are_damage(run):
    with (run / WEIGHTS).open("ab") as file:
        file.write(b"\0")
    assert damage(run) == f"{WEIGHTS} is torn"
    zoo_folder.write(run, {}, parts={}, words=[], backbone_weights="", backbone_stored=False)
    assert damage(run) is None
    request = json.loads((run / REQUEST).read_text())
    (run / REQUEST).write_text(json.dumps(request | {"seed": 7}, indent=1) + "\n")
    assert damage(run) == f"{REQUEST} is not that of run {run.name}"
