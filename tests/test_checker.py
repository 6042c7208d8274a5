"""The standard library's own check of records: whatever is edited is caught, and nothing else is needed."""

import copy
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from honest import PUBLISHED
from records import sealed

from benchmarks.config import Decoding, Training
from benchmarks.records.outcome import Outcome
from benchmarks.records.record import BadRecord, RunRecord
from benchmarks.runtime.environment import environment
from benchmarks.verification.checker.beside import beside
from benchmarks.verification.checker.check import Checker, check_all, check_values
from benchmarks.verification.checker.fields import DECODING, OUTCOMES, SINCE, TRAINING
from benchmarks.verification.checker.reading import digest, sha256
from registry import Spec
from zoo.settings import omittable, to_request

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "verification" / "checker"
NEIGHBOUR = PUBLISHED.with_name("2cad70e0df19.json")  # one that is not scored again, which is quicker


def check(file):
    return Checker().problems(file)


def first(values):
    return next(iter(values))


def added(*path, by=1):
    """An edit that adds to the number at `path`, or to the text."""

    def edit(record):
        *way, last = path
        for step in way:
            record = record[step]
        record[last] = record[last] + by

    return edit


def put(value, *path):
    """An edit that puts `value` at `path`."""

    def edit(record):
        *way, last = path
        for step in way:
            record = record[step]
        record[last] = value

    return edit


def drop(*path):
    """An edit that removes what is at `path`."""

    def edit(record):
        *way, last = path
        for step in way:
            record = record[step]
        del record[last]

    return edit


def swap_scores(record):
    each = record["per_image"]["CIDEr"]
    one, other = list(each)[:2]
    each[one], each[other] = each[other], each[one]


def cut_captions(record):
    for name in ("captions", "per_image"):
        values = record[name] if name == "captions" else record[name]["CIDEr"]
        del values[first(values)]


# Each of these leaves the digest right: another figure of the record contradicts it.
CAUGHT = {
    "a rate": (added("throughput", "beam_images_per_sec"), "its beam_images_per_sec is"),
    "a rate and no timing": (drop("timing", "encode_images_per_sec"), "its timing of encode_images_per_sec is missing"),
    "the median of a timing": (added("timing", "train_captions_per_sec", "median_seconds", by=1e-4), "its timing gives"),
    "the items of a timing": (added("timing", "greedy_images_per_sec", "items"), "its timing gives"),
    "seconds of measuring": (put(0.01, "seconds", "measure"), "their rounds alone at least"),
    "a stage without seconds": (drop("seconds", "train"), "not those of the five stages"),
    "parameters": (put(454_836, "params"), "it trained 454837 parameters, and has 454836"),
    "no trained parameters": (put(0, "trained"), "its trained is 0"),
    "operations": (put(1.0, "flops", "beam"), "its greedy search takes more operations"),
    "a device": (put("NVIDIA H100", "environment", "device"), "its device is 'NVIDIA H100', without CUDA"),
    "a commit that is none": (put("HEAD", "environment", "commit"), "its commit is 'HEAD'"),
    "a commit with changes": (added("environment", "commit", by="+"), "changed files"),
    "a version that is none": (put("new", "environment", "torch"), "'new' for torch, which is no version"),
    "threads": (put(0, "environment", "threads"), "its environment has 0 for threads"),
    "threads beyond the cores": (put(999, "environment", "threads"), "it had 999 threads on 2 cores"),
    "processes": (put(-1, "environment", "processes"), "its environment has -1 for processes"),
    "no version of CUDA": (lambda record: record["environment"].update(device="H200", cuda=None), "a version of CUDA"),
    "a host's name": (put("box", "environment", "host"), "its environment has 'host', which records do not tell"),
    "a home folder": (put("/home/joe/secret", "experiment"), "names a folder of somebody's own, '/home/joe'"),
    "a sample's folder": (put("/Users/joe/1.jpg", "samples", 0, "source"), "somebody's own, '/Users/joe'"),
    "references in its data": (put({}, "data", "references"), "its data has 'references', which records do not"),
    "a sample's photograph": (put("x", "samples", 0, "photo"), "has 'photo', which samples do not have"),
    "a picture elsewhere": (put("https://example.org/x.png", "samples", 0, "picture"), "should be a data URL"),
    "shares that are none": (lambda record: record["samples"][0].update(non_visual=["<b>"] * len(record["samples"][0]["words"])),
                             "the non-visual shares of its sample"),
    "words beyond the parameters": (put(10**14, "data", "vocabulary"), "its vocabulary has 100000000000000 words"),
    "a gradient below nothing": (lambda record: [entry.update(grad_norm=-5) for entry in record["curve"]],
                                 "its curve has a figure below 0"),
    "a training in no time": (put(1e-9, "seconds", "train"), "its train took 1e-09 seconds"),
    "a decoding in no time": (put(1e-9, "seconds", "decode"), "its decode took 1e-09 seconds"),
    "the scorer's version": (put("1.1", "environment", "pycocoevalcap"), "names another pycocoevalcap"),
    "epochs beyond number": (put(2**40, "request", "training", "epochs"), "not one entry for each"),
    "a version without end": (put("1" * 40_000 + " ", "environment", "torch"), "for torch, which is no version"),
    "a file's name": (put("0" * 64, "files", "a\0b"), "which is no sha256 of a file beside it"),
    "an epoch left out": (drop("curve", 3), "not one entry for each"),
    "epochs in another order": (lambda record: record["curve"].reverse(), "in order"),
    "a validation score": (put(9.5, "curve", 1, "validation"), "its best epoch is 7, by its curve it is 2"),
    "a loss below nothing": (put(-1.0, "curve", 0, "loss"), "or one that training does not give"),
    "a figure that one epoch lacks": (drop("curve", 0, "grad_norm"), "does not say the same of every epoch"),
    "a learning rate": (put(1.0, "curve", 0, "learning_rate"), "its learning rate in epoch 1 is 1.0"),
    "the best epoch": (put(3, "best_epoch"), "its best epoch is 3, by its curve it is 7"),
    "weights of another kind": (put("random", "weights"), "no source of the backbone"),
    "weights of another family": (put("timm 1.0, a1_in1k", "weights"), "no source of the backbone"),
    "a part's origin": (put("plugin.py", "origins", "attention"), "its request has no file of a attention"),
    "an origin left out": (drop("origins", "decoder"), "not those of its three parts"),
    "a sample's words": (added("samples", 0, "words", by=["x"]), "are not the caption"),
    "a sample's score": (added("samples", 0, "score", by=0.5), "its sample of image"),
    "a sample's pick": (put("worst", "samples", 0, "pick"), "its samples called best are others"),
    "a sample's references": (put(["a cat"] * 5, "samples", 0, "references"), "not those of the scene"),
    "a sample's maps": (put("AAAA", "samples", 0, "maps"), "not one for each word"),
    "a sample left out": (drop("samples", 5), "it has 5 samples"),
    "failed, with figures": (put("failed", "status"), "it failed, and does not say why"),
    "done, with an error": (put("out of memory", "error"), "it is done, with the error"),
    "BLEU": (added("scores", "Bleu_4", by=1e-3), "its captions give Bleu_4"),
    "ROUGE-L": (added("scores", "ROUGE_L", by=1e-3), "its captions give ROUGE_L"),
    "CIDEr": (added("scores", "CIDEr", by=1e-3), "its CIDEr per image has the mean"),
    "METEOR beyond its range": (put(1.5, "scores", "METEOR"), "its METEOR is 1.5"),
    "a score left out": (drop("scores", "METEOR"), "its metrics give"),
    "two images' scores": (swap_scores, "its captions give for CIDEr of image"),
    "more than words": (added("captions", "1004", by=" \u4f60\u597d 123"), "image 1004 cannot be scored here"),
    "a look-alike of a letter": (added("captions", "1004", by="\u212a"), "image 1004 cannot be scored here"),
    "a caption": (put("a small red star", "captions", "1001"), "another hash for captions.json"),
    "captions of fewer images": (cut_captions, "its data has 400 test images, its captions are of 399"),
    "a diagnostic": (added("diagnostics", "exact", by=0.01), "its captions give exact"),
    "a diagnostic that scenes do not have": (put(0.5, "diagnostics", "beauty"), "which scenes do not give"),
    "the references": (put("pycocoevalcap:1.2|tok:ptb|idf:00000000|images:400|refs:5", "signature"), "of the hash"),
    "images for training": (put(2601, "data", "train"), "its data has 2601 images for train, its data set 2600"),
    "the fingerprint": (put("f00d", "data", "fingerprint"), "the fingerprint of its data"),
    "the seed": (put(1, "seed"), "its seed is 1, its request says 0"),
    "a part": (put("luong", "parts", "attention"), "its attention is 'luong', its request says 'mean'"),
    "the request": (put(8, "request", "training", "epochs"), "its id is not the hash of its request"),
    "the id": (put("0123456789ab", "id"), "its id is not the hash of its request"),
    "another spelling of the data set": (put("scenes(test=400,train=2600)", "dataset"), "is no spelling of scenes"),
    "another order of options": (put("scenes(train=2600, test=400)", "request", "dataset"), "as records spell it, 'sce"),
    "empty brackets": (put("mean()", "request", "attention"), "'mean()' in its request is no component as records"),
    **{
        f"an objective that learns from {teacher}": (
            put(f"{name}(teacher={teacher!r})", "request", "training", "objective"),
            f"its request's objective learns from {str(teacher)!r}, which is no id of a run",
        )
        for name, teacher in (("distillation", "runs/0123456789ab"), ("sequence_distillation", 7))
    },
    "a teacher that its objective does not name": (
        put({"tutor": "0123456789ab"}, "teacher"), "its teacher is 0123456789ab by the option 'tutor', its request's",
    ),
    "a teacher that is no run": (put({"teacher": "strict"}, "teacher"), "its teacher should be an object with the id"),
    "two teachers": (
        put({"a": "0123456789ab", "b": "0123456789ab"}, "teacher"), "its teacher should be an object with the id of one",
    ),
    "a student without a teacher": (
        put("sequence_distillation(captions=2)", "request", "training", "objective"), "learns from 'None'",
    ),
    "an unknown setting": (put(1, "request", "training", "note"), "training.note is no setting that there is"),
    "a default that is left out": (put(1, "request", "decoding", "top_p"), "top_p is 1.0, which requests leave out"),
    "a setting's kind": (put("x", "request", "decoding", "top_k"), "top_k should be a whole number"),
    "an unknown field of a request": (put(1, "request", "note"), "a field 'note', which requests do not have"),
    "a start from nowhere": (put("", "request", "start_from"), "start_from should be twelve hexadecimal digits"),
    "a setting left out": (drop("request", "training", "epochs"), "its request's training.epochs is missing"),
    "a hash left out": (drop("files", "model.safetensors"), "no hash for model.safetensors"),
    "a hash that is none": (put("00", "files", "config.json"), "which is no sha256"),
    "when it was finished": (put("2099-01-01T00:00:00+00:00", "finished"), "no time in UTC"),
    "a type": (put("7", "best_epoch"), "its best_epoch should be a whole number"),
    "drawn where it is not": (put(False, "synthetic"), "its synthetic False"),
    "a field left out": (drop("flops"), "its flops is missing"),
    "the schema": (put(2, "schema"), "its schema should be 1"),
    "the protocol": (put(1, "request", "protocol"), "it is of protocol 1"),
}  # fmt: skip

# Nothing in a record contradicts these: they are caught by its digest.
BY_DIGEST_ALONE = {
    "a plausible METEOR": added("scores", "METEOR", by=-0.01),
    "another commit": put("0123456789ab", "environment", "commit"),
    "another processor": put("Faster CPU", "environment", "processor"),
    "a shorter training": added("seconds", "train", by=-10.0),
    "a loss": added("curve", 2, "loss", by=-0.01),
    "pointing": added("diagnostics", "pointing", by=0.1),
    "more parameters": added("params"),
    "another hash of the weights": put("0" * 64, "files", "model.safetensors"),
    "the experiment's name": put("other", "experiment"),
    "an unknown field": put(7, "energy"),
}


@pytest.fixture(scope="module")
def published():
    return json.loads(PUBLISHED.read_text())


@pytest.fixture(scope="module")
def small():
    """One that is not scored again, which is quicker."""
    return json.loads((PUBLISHED.parent / "c185b2250475.json").read_text())


def _published():
    """How many records there are, and of how many the references are known anywhere: those of synthetic scenes."""
    synthetic = [json.loads(file.read_text())["synthetic"] for file in PUBLISHED.parent.glob("*.json")]
    return len(synthetic), sum(synthetic)


def test_published_records_hold(published):
    checker, problems = check_all(PUBLISHED.parent)
    assert (checker.checked, checker.scored, problems) == (*_published(), [])
    assert published["sha256"] == sealed(published)["sha256"] == RunRecord.load(PUBLISHED).digest


@pytest.mark.parametrize("kind", CAUGHT)
def test_an_edit_is_caught_by_what_it_contradicts(kind, published):
    edit, said = CAUGHT[kind]
    edited = copy.deepcopy(published)
    edit(edited)
    assert edited != published
    assert any(said in problem for problem in check_values(sealed(edited)))


@pytest.mark.parametrize(
    ("objective", "teacher"),
    [
        ("mine(teacher='strict')", None),
        ("mine(teacher='strict', tutor='0123456789ab')", {"tutor": "0123456789ab"}),
        ("distillation(teacher='0123456789ab')", None),
        ("distillation(teacher='0123456789ab')", {"teacher": "0123456789ab"}),
    ],
)
def test_a_teacher_may_be_called_as_its_objective_calls_it(objective, teacher, small):
    edited = copy.deepcopy(small)
    edited["request"]["training"]["objective"] = objective
    edited |= {"teacher": teacher} if teacher else {}
    found = list(check_values(sealed(edited)))
    assert found  # the request is another one
    assert not [problem for problem in found if "objective" in problem or "teacher" in problem]


@pytest.mark.parametrize("kind", BY_DIGEST_ALONE)
def test_an_edit_that_contradicts_nothing_is_caught_by_the_digest_alone(kind, published):
    edited = copy.deepcopy(published)
    BY_DIGEST_ALONE[kind](edited)
    assert list(check_values(edited)) == ["its sha256 is not that of its content: it was edited or damaged"]
    assert list(check_values(sealed(edited))) == []


def test_every_flipped_bit_of_a_sample_is_caught(small, tmp_path):
    file = tmp_path / f"{small['id']}.json"
    content = (json.dumps(small, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    for place in range(7, len(content), len(content) // 60):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        if content[place : place + 1] not in b" \n!":  # one blank for another is another spelling of the same
            assert list(check(file)), place


def as_of(text):
    """An edit of a record's text, with the digest that it gives."""
    return lambda content: json.dumps(sealed(json.loads(content.replace(*text, 1)))).encode()


@pytest.mark.parametrize(
    "spell",
    [
        as_of(('"schema": 1', '"schema": true')),
        as_of(('"schema": 1', '"schema": 1.0')),
        as_of(('"error": null', '"error": null, "outcome": "banana"')),
        as_of(('"error": null', '"error": null, "outcome": "killed"')),
        lambda content: content.encode("utf-16"),
        lambda content: content.encode("utf-8-sig"),
    ],
)
def test_what_either_reader_refuses_the_other_refuses(spell, small, tmp_path):
    file = tmp_path / f"{small['id']}.json"
    file.write_bytes(spell(json.dumps(small)))
    assert list(check(file))
    with pytest.raises(BadRecord):
        RunRecord.load(file)


@pytest.mark.parametrize(
    ("split", "held_out_from", "options", "sound"),
    [
        ("train2017-holdout", "train2017", "(holdout=0.15)", True),
        ("val2017", "train2017", "(holdout=0.15)", False),
        ("val2017", "", "(holdout=0.15)", False),
        ("train2017-holdout", "train2017", "", False),
    ],
)
def test_held_out_images_are_no_official_split(split, held_out_from, options, sound, small):
    edited = copy.deepcopy(small)
    edited["split"], edited["dataset"] = split, f"coco{options}"
    edited["data"] |= {"held_out_from": held_out_from} if held_out_from else {}
    found = [problem for problem in check_values(edited) if "held out from" in problem]
    assert (not found) == sound


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda record: None, "weights and decoding"),
        (put("0" * 64, "files", "model.safetensors"), "captions and curve"),
    ],
)
def test_a_run_under_another_id_is_named(edit, what, small, tmp_path):
    copied = copy.deepcopy(small)
    copied["seed"] = copied["request"]["seed"] = 5
    edit(copied)
    first, second = written(tmp_path, small, copied)
    assert check_all(tmp_path)[1] == [f"{second}: the same {what} as {first}"]


def test_a_run_that_is_scored_by_other_metrics_is_no_copy(small, tmp_path):
    again = copy.deepcopy(small)
    again["request"]["metrics"] = [metric for metric in small["request"]["metrics"] if metric != "rouge"]
    written(tmp_path, small, again)
    assert not [problem for problem in check_all(tmp_path)[1] if "the same" in problem]


@pytest.mark.parametrize(
    "edit", [put(0.5, "request", "training", "backbone_learning_rate"), put("another", "request", "fingerprint")]
)
def test_a_setting_that_changes_nothing_makes_no_copy(edit, small, tmp_path):
    again = copy.deepcopy(small)
    edit(again)
    written(tmp_path, small, again)
    assert not [problem for problem in check_all(tmp_path)[1] if "the same" in problem]


def written(folder, record, copied):
    """The files of both, in order; the copy with the ID that its request gives."""
    text = json.dumps(copied["request"], indent=1, sort_keys=True) + "\n"
    copied["files"]["request.json"] = hashlib.sha256(text.encode()).hexdigest()
    copied["id"] = digest(copied["request"])[:12]
    files = [folder / f"{each['id']}.json" for each in (record, copied)]
    for file, each in zip(files, (record, copied), strict=True):
        file.write_text(json.dumps(sealed(each)))
    return sorted(files)


def test_a_record_without_its_digest_is_refused(small):
    assert list(check_values(small)) == []
    assert list(check_values({name: small[name] for name in small if name != "sha256"})) == ["its sha256 is missing"]


def test_a_record_tells_nothing_of_a_machine_but_what_is_known(small):
    told = {**environment(java=None), "commit": "0123456789ab", "processes": 2, "workers": 2}
    assert list(check_values(sealed({**small, "environment": told}))) == []


def test_settings_and_outcomes_are_those_that_there_are():
    for group, known, kind in (("training", TRAINING, Training), ("decoding", DECODING, Decoding)):
        assert to_request(kind()).keys() == known.keys()
        later = {name: getattr(kind(), name) for name in omittable(kind())}
        assert {name: str(value) if isinstance(value, Spec) else value for name, value in later.items()} == SINCE[group]
    assert set(OUTCOMES) == set(get_args(Outcome))


@pytest.fixture
def run(small, tmp_path):
    """The folder of a run: the record, and files that are what it says."""
    folder = tmp_path / small["id"]
    folder.mkdir()
    count = small["trained"]
    header = json.dumps({"decoder.w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4 * count))
    (folder / "config.json").write_text("{}\n")
    (folder / "request.json").write_text(json.dumps(small["request"], indent=1, sort_keys=True) + "\n")
    entries = [{"image_id": int(image), "caption": small["captions"][image]}
               for image in sorted(small["captions"], key=int)]  # fmt: skip
    (folder / "captions.json").write_text(json.dumps(entries, indent=0) + "\n")
    record = copy.deepcopy(small)
    for name in ("model.safetensors", "config.json", "captions.json"):
        record["files"][name] = sha256(folder / name)
    (folder / "record.json").write_text(json.dumps(sealed(record), indent=1, sort_keys=True) + "\n")
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "request.json", "captions.json"])
def test_files_beside_a_record_that_are_missing_torn_or_altered_are_named(name, run):
    assert list(check(run / "record.json")) == []
    whole = (run / name).read_bytes()
    for spoilt in (whole[:-1], whole[: len(whole) // 2], b"", b"\0" + whole[1:]):
        (run / name).write_bytes(spoilt)
        assert any(f"its {name} is not the one whose hash it has" in problem for problem in check(run / "record.json"))
    (run / name).unlink()
    assert list(check(run / "record.json")) == [f"its {name} cannot be read: No such file or directory"]


def test_files_of_another_run_are_named_even_where_their_hashes_are_put_right(run, small):
    record = json.loads((run / "record.json").read_text())
    for name, text in (
        ("request.json", json.dumps({**small["request"], "seed": 7})),
        ("captions.json", '[{"image_id": 2, "caption": "a cat"}]'),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}"),
    ):
        (run / name).write_bytes(text.encode() if isinstance(text, str) else text)
        record["files"][name] = sha256(run / name)
    (run / "record.json").write_text(json.dumps(sealed(record)))
    found = list(beside(record, run))
    assert [line.split(" is ")[0].split(" has ")[0] for line in found] == [
        "its request.json", "its captions.json", "its model.safetensors",
    ]  # fmt: skip


def as_a_pipe(run):
    (run / "config.json").unlink()
    os.mkfifo(run / "config.json")


def as_a_device(run):
    (run / "config.json").unlink()
    (run / "config.json").symlink_to("/dev/zero")


def with_a_deep_header(run):
    header = b"[" * 200_000
    (run / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def with_a_name_of_no_file(run):
    record = json.loads((run / "record.json").read_text())
    record["files"]["a\0b"] = "0" * 64
    (run / "record.json").write_text(json.dumps(sealed(record)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (as_a_pipe, "its config.json cannot be read: it is no file"),
        (as_a_device, "its config.json cannot be read: it is no file"),
        (with_a_deep_header, "its model.safetensors is none: it is nested too deep"),
        (with_a_name_of_no_file, "its files have '000"),
    ],
)
def test_one_hostile_run_keeps_no_other_from_being_checked(spoil, said, run):
    (run.parent / "0123456789ab.json").write_text("[]")
    shutil.copy(NEIGHBOUR, run.parent)
    spoil(run)
    checker, problems = check_all(run.parent)
    assert checker.checked == 3
    assert any(said in problem for problem in problems)
    assert any("it is no object" in problem for problem in problems)
    assert not any(NEIGHBOUR.name in problem for problem in problems)


def test_what_breaks_the_check_itself_is_a_line_of_its_file(run, monkeypatch):
    shutil.copy(NEIGHBOUR, run.parent)
    monkeypatch.setattr("benchmarks.verification.checker.check.beside", lambda *given: iter([1 / 0]))
    checker, (problem,) = check_all(run.parent)
    assert checker.checked == 2
    assert problem.startswith(str(run))
    assert "ZeroDivisionError" in problem


@pytest.mark.parametrize("fewer", [{"trained": 17}, {"trained": 17, "params": 17}])
def test_a_record_says_how_many_parameters_its_weights_have(fewer, run):
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(sealed({**record, **fewer})))
    assert any(f"has {record['trained']} parameters" in problem for problem in check(run / "record.json"))


@pytest.mark.parametrize("value", [None, True, -1, 1e16, "x", [], [1], {}, {"a": None}, {"a": {"b": []}}], ids=repr)
def test_whatever_a_field_holds_the_check_comes_to_its_end(value, small):
    def problems(**changes):
        return list(check_values(sealed({**small, **changes})))

    for name in small.keys() - {"experiment", "split", "sha256"}:
        assert problems(**{name: value}) or value == small[name]
    for name, own in small["request"].items():
        assert problems(request={**small["request"], name: value}) or value == own
    for group in ("data", "environment", "timing", "flops", "seconds", "throughput"):
        for name in small[group]:
            problems(**{group: {**small[group], name: value}})
    for name in small["samples"][0]:
        assert problems(samples=[{**small["samples"][0], name: value}])


def test_it_runs_on_a_bare_python_and_imports_nothing_else(tmp_path):
    (tmp_path / "021e388f1255.json").write_text(PUBLISHED.read_text().replace('"best_epoch": 7', '"best_epoch": 6'))
    bare = [sys.executable, "-I", "-S"]
    passed = subprocess.run([*bare, FOLDER, PUBLISHED.parent], capture_output=True, text=True, check=False)
    checked, scored = _published()
    expected = f"{checked} records checked, the captions of {scored} scored again, 0 problems\n"
    assert (passed.returncode, passed.stdout) == (0, expected), passed.stderr
    failed = subprocess.run([*bare, FOLDER, tmp_path], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.endswith("its best epoch is 6, by its curve it is 7\n")
    ours = "'benchmarks', 'caption_zoo', 'registry'"
    code = f"""if True:
        import sys
        sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "benchmarks" / "launch")!r}]
        import benchmarks.verification.checker.check
        others = {{name.partition('.')[0] for name in sys.modules}} - set(sys.stdlib_module_names)
        sys.exit(str(others) if others - {{{ours}, '__main__'}} else 0)"""
    assert subprocess.run([*bare, "-c", code], capture_output=True, text=True, check=False).stderr == ""
