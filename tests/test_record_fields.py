"""Records from anywhere: what a field may not hold is refused by name, and what it may hold breaks nothing."""

import json
from contextlib import suppress
from dataclasses import asdict, fields

import pytest
from records import COCO, FEW, failure, record, sampled

from benchmarks.leaderboard import write
from benchmarks.leaderboard.compare import as_json, as_text, compare
from benchmarks.records.record import BadRecord, RunRecord
from benchmarks.records.schema import KINDS
from benchmarks.verification.rescore import Auditor

FIELDS = [item.name for item in fields(RunRecord)]
DEEP = json.loads("[" * 200 + "]" * 200)
VALUES = [
    None, True, -1, 7, 1.5, 10**400, 1e300, "", "x", "failed", "\ud800", [], [1], ["x"], [{}], [[]], DEEP,
    [{"pick": "best", "words": ["a"], "image": [], "grid": "x", "source": {}}], [{"epoch": 1e15, "loss": -1e15}],
    {}, {"a": None}, {"a": "x"}, {"a": 1.5}, {"a": 10**400}, {"a": {}}, {"a": DEEP}, {"sources": [1]},
    {"CIDEr": {"1": "x"}}, {"CIDEr": None}, {"CIDEr": -1e15}, {"CIDEr": {"1": 1e15, "2": -1e15}}, {"CIDEr": {}},
    {"training": "x", "metrics": 7, "dataset": []}, {"fingerprint": [], "train": "x"}, {"encode": 5e-324, "beam": 1e15},
    {"encode_images_per_sec": 5e-324, "beam_images_per_sec": 1e15}, {"beam_images_per_sec": [1]},
]  # fmt: skip


def saved(values, folder):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "0123456789ab.json"
    file.write_text(json.dumps(values))
    return file


@pytest.fixture(scope="module")
def whole():
    return json.loads(json.dumps(asdict(sampled(record(images=8))[0])))


def test_every_field_has_its_kind():
    assert KINDS.keys() == set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_spoilt_record_is_refused_or_does_no_harm(field, whole, tmp_path):
    other = record("mean", images=8)
    beside = tmp_path / "other.json"
    beside.write_text(json.dumps(asdict(other)))
    refused = 0
    for value in VALUES:
        file = saved(whole | {field: value}, tmp_path)
        try:
            run = RunRecord.load(file)
        except BadRecord:
            refused += 1
            continue
        write([run, other], tmp_path / "page")
        list(Auditor().problems([file]))
        with suppress(ValueError):  # two that may not be compared
            found = compare(file, beside)
            assert as_text(found)
            assert json.loads(as_json(found))
    assert 0 < refused < len(VALUES) or field == "schema"


@pytest.mark.parametrize(
    ("field", "value", "should"),
    [
        ("seed", "0", "a whole number"),
        ("seed", 1.0, "a whole number"),
        ("params", True, "a whole number"),
        ("status", "finished", "done or failed"),
        ("error", 7, "a text or null"),
        ("synthetic", "yes", "true or false"),
        ("dataset", None, "a text"),
        ("parts", {"backbone": 1}, "an object of texts"),
        ("captions", ["a cat"], "an object of texts"),
        ("scores", {"CIDEr": "1"}, "an object of numbers up to 1e+15"),
        ("seconds", {"train": 10**400}, "an object of numbers up to 1e+15"),
        ("per_image", {"CIDEr": {"1": None}}, "an object of objects of numbers"),
        ("samples", {"a": {}}, "a list of objects"),
        ("curve", [{"epoch": "1"}], "a list of objects of numbers"),
        ("request", {"sources": {"decoder": 1}}, "an object whose sources, if any, are texts"),
        ("timing", {"a": DEEP}, "an object, nested at most 20 deep"),
        ("environment", [], "an object, nested at most 20 deep"),
    ],
)
def test_the_message_names_file_and_field_and_what_should_be_there(field, value, should, whole, tmp_path):
    file = saved(whole | {field: value}, tmp_path)
    with pytest.raises(BadRecord) as error:
        RunRecord.load(file)
    assert str(error.value) == f"cannot read run record {file}: its {field} should be {should}"


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "[" * 100_000])
def test_what_is_no_json_is_refused(text, whole, tmp_path):
    file = saved(whole, tmp_path)
    file.write_text(file.read_text().replace('"environment": {', f'"environment": {{"load": {text}, ', 1))
    with pytest.raises(BadRecord, match="cannot read run record"):
        RunRecord.load(file)


@pytest.mark.parametrize(
    "run",
    [*FEW, record(**COCO), failure(), sampled(record())[0], sampled(record(**COCO), shared=False, sentinel=True)[0]],
    ids=range(7),
)
def test_a_record_is_read_as_it_was_written(run, tmp_path):
    run.save(tmp_path)
    found = RunRecord.load(tmp_path)
    assert found == run
    assert isinstance(found.samples, tuple)
    assert isinstance(found.curve, tuple)


def test_environments_may_leave_things_open(whole, tmp_path):
    assert RunRecord.load(saved(whole | {"environment": {"java": None}, "error": None}, tmp_path)).done
