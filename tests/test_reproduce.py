"""A record run again: the same id, captions and scores; and what cannot be the same is refused in one line."""

import hashlib
import json
import random
import shutil
import statistics

import pytest
from folders import change, own_folder
from records import sealed
from repeatable import repeatable
from sandbox import calls_here

from benchmarks.cli.main import main
from benchmarks.records.record import RunRecord
from benchmarks.records.request import identity as id_of
from benchmarks.verification.diff import environments, standard_error, table, verdict

CONFIG = """
name: small
dataset: {dataset}
matrix:
  backbone: [{backbone}]
  attention: [{attention}]
  decoder: [lstm(dim=16)]
metrics: [rouge, cider]
training: {{epochs: 1, min_count: 1}}
decoding: {{num_beams: 2, max_length: 8}}
"""
MINE = """
from zoo.attention import ATTENTIONS
from zoo.attention.bahdanau import Bahdanau
@ATTENTIONS.register("{name}")
class Mine(Bahdanau):
    "Mine."
"""
FOLDER = "folder(test=0.2, validation=0.2)"


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def make(place, dataset, backbone="patches(dim=8)", attention="mean", plugin=None, name="config"):
    """Run one cell below `place`, and return its folder."""
    file = place / f"{name}.yaml"
    file.write_text(CONFIG.format(dataset=dataset, backbone=backbone, attention=attention))
    arguments = ["run", str(file), "--out", str(place / name), "--cache", str(place / "cache")]
    assert main([*arguments, *(["--plugin", str(plugin)] if plugin else [])]) == 0
    (record,) = (place / name).glob("*/record.json")
    return record.parent


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduce")


@pytest.fixture(scope="module")
def scenes(place):
    return make(place, "scenes(train=16, validation=4, test=6)")


@pytest.fixture(scope="module")
def own(place):
    own_folder(place / "photos", images=24, captions=1)
    return make(place, f"\"folder(root='{place / 'photos'}', validation=0.2, test=0.2)\"", name="own")


@pytest.fixture
def planted(scenes, tmp_path):
    """A copy of the record with what a test changes in it; the id follows the request, unless that is the change."""

    def plant(how, *, renamed=True, source=scenes):
        file = tmp_path / "planted.json"
        shutil.copy(source / "record.json", file)
        change(file, how)
        if renamed:
            change(file, lambda record: record.update(id=identity(record["request"])))
        change(file, lambda record: record.update(sealed(record)))
        return file

    return plant


def identity(request):
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]


def reproduce(place, record, *arguments, out="again"):
    return main(["reproduce", str(record), "--out", str(place / out), "--cache", str(place / "cache"), *arguments])


def refusal(capsys, place, record, *arguments):
    capsys.readouterr()
    assert reproduce(place, record, *arguments, out="none") == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not (place / "none").exists()
    return said.err


def test_a_run_again_has_the_same_id_captions_and_scores(place, scenes, capsys):
    assert reproduce(place, scenes) == 0
    said = capsys.readouterr().out
    old, new = RunRecord.load(scenes), RunRecord.load(place / "again" / scenes.name)
    assert (new.id, new.scores, repeatable(new.curve)) == (old.id, old.scores, repeatable(old.curve))
    assert new.finished >= old.finished
    assert (scenes / "captions.json").read_bytes() == (place / "again" / scenes.name / "captions.json").read_bytes()
    assert "Captions: all 6 are identical." in said
    assert "Scores: identical." in said
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if len(line.split()) == 4}
    for name in ("ROUGE_L", "CIDEr", "exact"):
        assert rows[name][0] == rows[name][1]
        assert rows[name][2] == "0"
    assert "train_captions_per_sec" in rows
    capsys.readouterr()
    assert reproduce(place, scenes) == 0
    assert "Reproduced before" in capsys.readouterr().out


def test_a_dry_run_says_what_would_run_and_what_differs(place, scenes, planted, capsys):
    record = planted(lambda record: record["environment"].update(torch="1.0", where="\x1b[31mhere"))
    assert reproduce(place, record, "--dry-run", out="none") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{scenes.name}  patches(dim=8) + mean + lstm(dim=16), seed 0, on scenes(")
    assert "'torch': '1.0' in the record" in said
    assert "\x1b" not in said
    assert not (place / "none").exists()


def test_a_record_is_not_compared_with_itself(place, scenes, capsys):
    assert reproduce(place, scenes, out=scenes.parent.name) == 2
    assert "is the record itself: choose another folder" in capsys.readouterr().err


def test_a_record_says_not_where_its_data_lie(place, own, capsys):
    assert "needs the option root" in (said := refusal(capsys, place, own))
    assert "--dataset does" in said
    assert reproduce(place, own, "--dataset", f"folder(root='{place / 'photos'}')") == 0
    said = capsys.readouterr().out
    assert f"{own.name}  " in said
    assert "are identical" in said


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("scenes", "--dataset scenes is not the record's data set, folder("),
        ("folder(root='{photos}', test=0.3)", "say no more than where it lies"),
        ("folder(root='{other}')", "has the fingerprint"),
        ("folder(root='none')", "no folder 'none'"),
    ],
)
def test_other_data_are_refused(place, own, tmp_path, capsys, dataset, said):
    own_folder(tmp_path / "other", images=25, captions=1)
    asked = dataset.replace("{photos}", str(place / "photos")).replace("{other}", str(tmp_path / "other"))
    assert said in refusal(capsys, place, own, "--dataset", asked)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda record: record["request"].update(protocol=99), "is of protocol 99 and this is protocol"),
        (lambda record: record.update(schema=99), "no run record of schema 1"),
        (lambda record: record.update(status="failed", error="RuntimeError: \x1b[2J"), "failed ('RuntimeError: \\x1b[2J')"),
        (lambda record: record.update(origins=[]), "its origins should be an object"),
        (lambda record: record["request"].update(seed="0"), "its seed should be a whole number"),
        (lambda record: record["request"].update(seed=-1), "seeds lie between 0 and"),
        (lambda record: record["request"].pop("metrics"), "it has no metrics"),
        (lambda record: record["request"].update(metrics=[3]), "its request.metrics[0] should be a text"),
        (lambda record: record["request"].update(attention="mean("), "cannot read component 'mean('"),
        (lambda record: record["request"].update(attention="meen"), "Did you mean 'mean'?"),
        (lambda record: record["request"].update(decoder="lstm(dim='x')"), "dim='x' should be"),
        (lambda record: record["request"].update(attention="multihead(num_heads=5)"), "cannot be built here"),
        (lambda record: record["request"]["training"].update(epochs="1"), "its training.epochs should be a whole number"),
        (lambda record: record["request"]["training"].update(epochs=0), "epochs=0 should be at least 1"),
        (lambda record: record["request"]["training"].pop("epochs"), "training.epochs would be 8, and the record has None"),
        (lambda record: record["request"]["decoding"].update(magic=1), "decoding has no 'magic'"),
        (lambda record: record["request"]["decoding"].update(beams=1), "It is called 'num_beams' now."),
        (lambda record: record["request"].update(training=[]), "its training should be an object"),
        (lambda record: record["request"]["training"].update(precision="int8"), "its training.precision should be float32 or tf32 or bfloat16"),
        (lambda record: record["request"].update(backbone="timm/resnet18(weights='/dev/zero')"), "names a folder"),
        (lambda record: record["request"].update(fingerprint="0"), "has the fingerprint"),
        (lambda record: record["request"].update(extra=1), "extra would be None, and the record has 1"),
        (lambda record: record["request"].update(sources={"attention": "0"}), "hash 0, here it is None: give its file with --plugin"),
    ],
)  # fmt: skip
def test_what_cannot_be_the_same_is_refused(place, planted, capsys, how, said):
    assert said in refusal(capsys, place, planted(how))


def test_an_edited_record_is_refused(place, planted, capsys):
    record = planted(lambda record: record["request"].update(seed=5), renamed=False)
    assert "was edited: its request has the id" in refusal(capsys, place, record)
    (planted(lambda record: None)).write_text("[]")
    assert "no run record" in refusal(capsys, place, record)
    assert "cannot read run record" in refusal(capsys, place, place / "no-such-record.json")


def test_a_plugin_is_asked_for_by_its_origin_and_has_to_be_the_same_file(place, tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(MINE.format(name="reproduced"))
    run = make(place, "scenes(train=16, validation=4, test=6)", attention="reproduced", plugin=file, name="plugged")
    record = RunRecord.load(run)
    strange = tmp_path / "strange.json"
    shutil.copy(run / "record.json", strange)
    change(strange, lambda record: record["request"].update(attention="unheard_of"))
    change(strange, lambda record: record.update(id=identity(record["request"])))
    change(strange, lambda record: record.update(sealed(record)))
    assert "attention 'unheard_of' came from mine.py, which is not here" in refusal(capsys, place, strange)
    assert reproduce(place, run, "--plugin", str(file), "--dry-run") == 0
    file.write_text(MINE.format(name="reproduced") + "# edited\n")
    said = refusal(capsys, place, run)
    assert (
        f"attention of mine.py: the record's has the hash {record.request['sources']['attention']}, here it is" in said
    )


def test_a_run_that_fails_is_exit_code_1(place, planted, capsys):
    record = planted(
        lambda record: record["request"]["training"].update(
            learning_rate=1e30, max_grad_norm=0.0, warmup_steps=0, epochs=3, decay_epochs=0
        )
    )
    assert reproduce(place, record, out="failing") == 1
    assert (
        "FAILED, FloatingPointError: the loss or its gradient was no finite number in epoch" in capsys.readouterr().out
    )


def test_differences_are_told_with_what_they_are_worth(scenes):
    old = RunRecord.load(scenes)
    values = {**old.scores, "CIDEr": old.scores["CIDEr"] + 0.25}
    new = RunRecord(**{**vars(old), "scores": values})
    row = next(line for line in table(old, new) if line.startswith("CIDEr"))
    assert row.split()[-1] == "+0.25000"
    said = list(verdict(old, new, [{"1": "a", "2": "b"}, {"1": "a", "2": "c\x1b"}]))
    assert said[0] == "Captions: 1 of 2 differ, image '2' for example: 'b', here 'c\\x1b'."
    assert "CIDEr by +0.25000" in said[1]
    other = RunRecord(**{**vars(old), "signature": "another"})
    assert list(verdict(old, other, [{}, {}])) == [
        "Captions: the record holds none to compare with.",
        f"Scores: made otherwise, {old.signature!r} and 'another', and not to be compared.",
    ]
    assert list(environments({"torch": "1"}, {"torch": "1"})) == []


def test_the_id_is_that_of_every_version():
    assert id_of({"b": [1, "\u00e9"], "a": None}) == id_of({"a": None, "b": [1, "\u00e9"]}) == "1c3d52eb7867"


def test_the_standard_error_is_that_of_a_paired_bootstrap():
    rng = random.Random(0)
    one = {str(image): rng.random() for image in range(30)}
    other = {image: value + rng.gauss(0.1, 0.2) for image, value in one.items()}
    gaps = [other[image] - one[image] for image in one]
    means = [statistics.fmean(rng.choices(gaps, k=30)) for _ in range(4000)]
    assert standard_error(one, other) == pytest.approx(statistics.stdev(means), rel=0.05)
    assert standard_error({"1": 1.0}, {"1": 1.0}) is None
