"""Records from anywhere: what a field may not hold is refused by name, and what it may hold breaks nothing."""

import json
import time
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from records import COCO, FEW, failure, record, sampled, sealed

from benchmarks.leaderboard import write
from benchmarks.leaderboard.compare import as_json, as_text, compare
from benchmarks.records.record import BadRecord, RunRecord, TornRecord
from benchmarks.verification.rescore import RecordChecker

DOCS = Path(__file__).parents[1] / "docs"
JSON_SUITE = DOCS.parents[1] / "shared" / "corpora" / "json"
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
    file.write_text(json.dumps(sealed(values)))
    return file


@pytest.fixture(scope="module")
def whole():
    return json.loads(json.dumps(asdict(sampled(record(images=8))[0])))


@pytest.mark.parametrize("field", FIELDS)
def test_a_spoilt_record_is_refused_or_does_no_harm(field, whole, tmp_path):
    other = record("mean", images=8)
    beside = tmp_path / "other.json"
    beside.write_text(json.dumps(sealed(asdict(other))))
    refused = 0
    for value in VALUES:
        file = saved(whole | {field: value}, tmp_path)
        try:
            run = RunRecord.load(file)
        except BadRecord:
            refused += 1
            continue
        write([run, other], tmp_path / "page")
        list(RecordChecker().problems([file]))
        with suppress(ValueError):  # two that may not be compared
            found = compare(file, beside)
            assert as_text(found)
            assert json.loads(as_json(found))
    assert 0 < refused < len(VALUES) or field == "schema"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 1e16, 10**400, "high", None, np.float32(0.5), {}, "\ud800"], ids=repr
)
def test_what_could_not_be_read_again_is_not_saved(value, tmp_path):
    with pytest.raises((ValueError, TypeError)):
        replace(record(images=8), scores={"CIDEr": value}).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("seed", "0", "its seed should be a whole number"),
        ("seed", 1.0, "its seed should be a whole number"),
        ("params", True, "its params should be a whole number"),
        ("status", "finished", "its status should be done or failed"),
        ("error", 7, "its error should be a text or null"),
        ("synthetic", "yes", "its synthetic should be true or false"),
        ("dataset", None, "its dataset should be a text"),
        ("parts", {"backbone": 1}, "each entry of its parts should be a text"),
        ("captions", ["a cat"], "its captions should be an object"),
        ("scores", {"CIDEr": "1"}, "each entry of its scores should be a number"),
        ("scores", {"CIDEr": 2e15}, "each entry of its scores should be a number <= 1000000000000000.0"),
        ("seconds", {"train": -(10**18)}, "each entry of its seconds should be a whole number >= -1000000000000000"),
        ("seconds", {"train": 10**400}, f"1{'0' * 39} is too large a whole number"),
        ("seed", 2**64, f"{2**64} is too large a whole number"),
        ("environment", {"load": 2**64}, f"{2**64} is too large a whole number"),
        ("per_image", {"CIDEr": {"1": None}}, "each entry of its per_image should be a number"),
        ("samples", {"a": {}}, "its samples should be a list"),
        ("samples", [1], "its samples[0] should be an object"),
        ("curve", [{"epoch": "1"}], "each entry of its curve[0] should be a number"),
        ("request", {"sources": {"decoder": 1}}, "each entry of its request.sources should be a text"),
        ("timing", {"a": DEEP}, "it is nested more than 20 deep"),
        ("environment", [], "its environment should be an object"),
        ("weights", "\ud800", "the text '\\ud800' has half of a surrogate pair"),
        ("data", {"\udc00": 1}, "the text '\\udc00' has half of a surrogate pair"),
    ],
)
def test_the_message_names_file_and_field_and_what_should_be_there(field, value, problem, whole, tmp_path):
    file = saved(whole | {field: value}, tmp_path)
    with pytest.raises(BadRecord) as error:
        RunRecord.load(file)
    assert str(error.value) == f"cannot read run record {file}: {problem}"


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "[" * 100_000])
def test_what_is_no_json_is_refused_in_one_line(text, whole, tmp_path):
    file = saved(whole, tmp_path)
    file.write_text(file.read_text().replace('"environment": {', f'"environment": {{"load": {text}, ', 1))
    with pytest.raises(BadRecord, match="cannot read run record") as error:
        RunRecord.load(file)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 200 + len(str(file))


def test_a_key_that_is_there_twice_is_refused(whole, tmp_path):
    file = saved(whole, tmp_path)
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 0, "seed": 1', 1))
    with pytest.raises(BadRecord, match="the key 'seed' is there twice"):
        RunRecord.load(file)


@pytest.mark.parametrize("name", ["id", "status", "parts", "dataset", "seed", "request", "environment"])
def test_a_field_that_is_missing_is_named(name, whole, tmp_path):
    with pytest.raises(BadRecord, match=f"it has no {name}$"):
        RunRecord.load(saved({key: value for key, value in whole.items() if key != name}, tmp_path))


def test_a_field_of_a_later_version_is_dropped(whole, tmp_path):
    assert RunRecord.load(saved(whole | {"energy": 7}, tmp_path)) == RunRecord.load(
        saved(whole, tmp_path / "as_it_was")
    )


def test_a_file_without_end_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(2**40)  # of zeros that no disk holds
    with pytest.raises(BadRecord, match="it has more than 64 MiB"):
        RunRecord.load(tmp_path)


@pytest.mark.skipif(not JSON_SUITE.is_dir(), reason="the files of JSONTestSuite are not here")
def test_no_file_of_jsontestsuite_breaks_the_reader(tmp_path):
    files = sorted(JSON_SUITE.glob("*.json"))
    assert len(files) == 318
    for file in files:
        started = time.monotonic()
        with pytest.raises(BadRecord) as error:
            RunRecord.load(file)
        str(error.value).encode()
        assert len(str(error.value).splitlines()) == 1
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("file", sorted(DOCS.glob("leaderboard/*.json")), ids=lambda file: file.stem)
def test_published_records_are_of_their_type_and_loading_changes_nothing(file, tmp_path):
    record = RunRecord.load(file)
    record.save(tmp_path)
    written = (tmp_path / "record.json").read_text()
    assert file.read_text() == written
    assert f' "sha256": "{record.digest}",\n' in written


@pytest.mark.parametrize(
    ("old", "new"),
    [('"seed": 0', '"seed": 1'), ('"a cat', '"a cot'), ('"epochs": 8', '"epochs": 9'), (" }", ' ,"x": 1}')],
)
def test_a_record_that_is_not_as_it_was_written_is_torn(old, new, tmp_path):
    record(images=5, seed=0).save(tmp_path)
    file = tmp_path / "record.json"
    assert RunRecord.load(tmp_path).seed == 0
    file.write_text(json.dumps(json.loads(file.read_text())))  # another spelling is the same record
    assert RunRecord.load(tmp_path).seed == 0
    text = file.read_text()
    file.write_text(text.replace(old, new, 1) if old in text else text[:-1] + ', "x": 1}')
    with pytest.raises(TornRecord, match="was edited or damaged: its sha256"):
        RunRecord.load(tmp_path)


def test_a_record_without_its_digest_is_torn(whole, tmp_path):
    file = saved(whole, tmp_path)
    file.write_text(json.dumps(whole))
    with pytest.raises(TornRecord, match="was edited or damaged: its sha256 is missing"):
        RunRecord.load(file)


def test_the_published_schema_has_every_field():
    schema = json.loads((DOCS / "record.schema.json").read_text())["$defs"]["RunRecord"]
    assert schema["properties"].keys() == set(FIELDS)
    assert schema["properties"]["status"]["enum"] == ["done", "failed"]
    request = json.loads((DOCS / "request.schema.json").read_text())["$defs"]["Request"]
    assert set(request["required"]) == request["properties"].keys() - {"start_from", "ensemble"}


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
