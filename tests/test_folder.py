"""Images of one's own: every format, splits that stay, and one clear line for each mistake, whatever the bytes."""

import csv
import io
import json
from pathlib import Path

import pytest
from folders import own_folder
from forking import caption_zoo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sandbox import calls_here

from benchmarks.cli.main import main
from benchmarks.data.folder import Folder
from benchmarks.data.formats import splits
from benchmarks.data.formats.splits import numbers
from benchmarks.records.record import RunRecord

CONFIG = Path(__file__).parents[1] / "configs" / "own-images.yaml"
NAMES = [f"{letter}.png" for letter in "abcdef"]
SAID = {name: [f"a {name[0]} is here", f"this is {name[0]}"] for name in NAMES}
SPLIT = dict(zip(NAMES, ("train", "train", "train", "val", "test", "test"), strict=True))
HALF = {"validation": 0.05, "test": 0.2}  # by their names: e is tested, b and d choose the epoch


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def write(folder, text, name="captions.csv", encoding="utf-8"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return str(folder)


def held(data):
    return {photo.source: list(photo.captions) for part in (data.train, data.validation, data.test) for photo in part}


def table(delimiter=",", header=("file", "caption"), rows=None):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([header, *(rows or [(name, said) for name in NAMES for said in SAID[name]])])
    return text.getvalue()


def objects(file="file_name", caption="captions"):
    return [{file: name, caption: said} for name, said in SAID.items()]


def lines(entries):
    return "\n".join(map(json.dumps, entries)) + "\n\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", table()),
        ("captions.csv", table(";", ("Image", " Caption "))),
        ("captions.tsv", table("\t", ("filename", "caption"))),
        ("captions.csv", "\ufeff" + table()),
        ("captions.csv", table(header=("file_name", "text"))),
        ("captions.csv", table(header=("n", "image", "caption1", "caption2"), rows=[("", name, *SAID[name]) for name in NAMES])),
        ("captions.csv", table(header=("file", "captions"), rows=[(name, json.dumps(SAID[name])) for name in NAMES])),
        ("captions.csv", "file, caption\n" + "".join(f'./{name}, "{said}"\n\n' for name in NAMES for said in SAID[name])),
        ("captions.json", json.dumps(SAID)),
        ("captions.json", json.dumps({name: {"captions": said} for name, said in SAID.items()})),
        ("captions.json", json.dumps(objects())),
        ("captions.json", json.dumps([{"file": name, "caption": said} for name in NAMES for said in SAID[name]])),
        ("metadata.jsonl", lines(objects())),
        ("metadata.jsonl", lines({"file_name": name, "text": said} for name in NAMES for said in SAID[name])),
    ],
)  # fmt: skip
def test_every_format_says_the_same(folder, name, text):
    assert held(Folder(root=write(folder, text, name), **HALF)) == SAID


def test_text_is_kept_whole(folder):
    said = ['he said "no", twice', "ein Hund;\nam Strand", "\u72d7 \u2028 caf\u00e9"]
    rows = [("a.png", text) for text in said] + [("b.png", "b"), ("c.png", "c"), ("d.png", "d")]
    data = Folder(root=write(folder, table(rows=rows)), validation=0.04, test=0.22)
    assert held(data)["a.png"] == ['he said "no", twice', "ein Hund; am Strand", "\u72d7 caf\u00e9"]


def test_splits_are_those_of_the_file(folder):
    rows = [(name, SAID[name][0], SPLIT[name].upper() if name == "a.png" else SPLIT[name]) for name in NAMES]
    data = Folder(root=write(folder, table(header=("file", "caption", "Split"), rows=rows)))
    assert [[photo.source[0] for photo in part] for part in (data.train, data.validation, data.test)] == [
        ["a", "b", "c"], ["d"], ["e", "f"],
    ]  # fmt: skip
    assert data.split == "test"
    with pytest.raises(ValueError, match="leave out validation and test, or its column split"):
        Folder(root=str(folder), test=0.2)


@pytest.mark.parametrize(("present", "split"), [("test", "test"), ("val", "validation")])
def test_where_the_file_has_two_splits_some_of_training_chooses_the_epoch(tmp_path, present, split):
    own_folder(tmp_path, captions=1)
    rows = (tmp_path / "captions.csv").read_text().splitlines()
    held_out = [f"{row},{present if number < 5 else 'train'}" for number, row in enumerate(rows[1:])]
    write(tmp_path, "\n".join([f"{rows[0]},split", *held_out]))
    data = Folder(root=str(tmp_path))
    assert (data.split, len(data.test)) == (split, 5)
    assert len(data.validation) >= 1
    assert len(data.train) + len(data.validation) == 35


@given(st.sets(st.text(min_size=1), min_size=1), st.text(min_size=1))
def test_more_images_move_none(names, another):
    def places(some):
        return {name: split for split, held in splits._drawn(sorted(some), 0.3, 0.3).items() for name in held}

    names = {name.encode("utf-8", "replace").decode() for name in names}
    another = another.encode("utf-8", "replace").decode()
    before = places(names)
    after = places(names | {another})
    assert {name: after[name] for name in before} == before


def test_shares_are_about_what_was_asked_for_and_ids_are_safe_in_json():
    drawn = splits._drawn([f"{number}.jpg" for number in range(10_000)], 0.1, 0.2)
    assert {split: round(len(held) / 10_000, 1) for split, held in drawn.items()} == {
        "train": 0.7,
        "validation": 0.1,
        "test": 0.2,
    }
    ids = [numbers(f"{number}.jpg")[0] for number in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(float(number) == number < 2**53 for number in ids)
    assert numbers("a.jpg") == (2836059931555064, 0.03344691738822225)  # as in every version


def test_an_id_belongs_to_the_name_and_not_to_the_place(folder, tmp_path_factory):
    one = Folder(root=write(folder, table()), **HALF)
    moved = tmp_path_factory.mktemp("moved")
    for file in folder.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    other = Folder(
        root=write(moved, table(rows=[(name, said) for name in reversed(NAMES) for said in SAID[name]])), **HALF
    )
    assert one.fingerprint == other.fingerprint
    write(moved, table(rows=[(name, "something else") for name in NAMES]))
    assert Folder(root=str(moved), **HALF).fingerprint != one.fingerprint


def test_two_names_of_one_id_are_refused(folder, monkeypatch):
    monkeypatch.setattr("benchmarks.data.folder.numbers", lambda name: (7, 0.5))
    with pytest.raises(ValueError, match=r"'a.png' and 'b.png' get one id: rename"):
        Folder(root=write(folder, table()), **HALF)


def test_images_without_captions_are_counted_and_said(folder, capsys):
    (folder / "new").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "new" / "g.JPG", "JPEG")
    (folder / "notes.txt").write_text("no image")
    rows = [(name, said if name != "f.png" else " ... ") for name in NAMES for said in SAID[name]]
    spec = f"folder(root={write(folder, table(rows=rows))!r}, validation=0.05, test=0.2)"
    assert main(["check", str(CONFIG), "--dataset", spec, "--backbone", "patches(dim=8)"]) == 0
    assert "note: 2 images of" in (said := capsys.readouterr().err)
    assert said.count("\n") == 1
    assert "such as 'f.png'" in said


def test_names_with_accents_are_found_however_they_are_written(folder):
    Image.new("RGB", (8, 8)).save(folder / "cafe\u0301.png")
    rows = [*((name, "a") for name in NAMES), ("caf\u00e9.png", "b")]
    assert "caf\u00e9.png" in held(Folder(root=write(folder, table(rows=rows)), **HALF))


def test_two_files_of_one_name_in_two_unicode_forms_are_refused_where_captioned(folder):
    for spelt in ("cafe\u0301.png", "caf\u00e9.png"):
        Image.new("RGB", (8, 8)).save(folder / spelt)
    if len(list(folder.iterdir())) < len(NAMES) + 2:
        pytest.skip("this file system takes both forms for one name")
    assert held(Folder(root=write(folder, table()), **HALF)) == SAID
    rows = [*((name, "a") for name in NAMES), ("caf\u00e9.png", "b")]
    with pytest.raises(ValueError, match=r"two files called 'caf\u00e9.png'.*rename one"):
        Folder(root=write(folder, table(rows=rows)), **HALF)


def test_a_captions_file_elsewhere_is_a_place_and_one_inside_is_a_name(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere, table(), "said.csv")
    assert Folder(root=str(folder), captions=str(elsewhere / "said.csv"), **HALF).location == ("root", "captions")
    write(folder, table(), "said.csv")
    assert Folder(root=str(folder), captions="said.csv", **HALF).location == ("root",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("captions.csv", "", "is empty: its first line should name the columns"),
        ("captions.csv", "a.png,a cat\n", "line 1: 'a.png,a cat' does not name the columns"),
        ("captions.csv", "file,caption\n", "holds no caption"),
        ("captions.csv", "file,caption\na.png,\n", "holds no caption"),
        ("captions.csv", "file,caption\na.png,a cat, asleep\n", "line 2: 3 values for 2 columns"),
        ("captions.csv", 'file,caption\na.png,"a cat\n', "line 2: no table"),
        ("captions.csv", 'file,captions\na.png,"[\'a\', \'b\']"\n', "no list as JSON spells it"),
        ("captions.csv", "file,image,caption\na.png,b.png,x\n", "has 'file', 'image', 'caption'; needs one of"),
        ("captions.csv", "file,caption\n,a cat\n", "line 2: the file's name is empty"),
        ("captions.csv", "file,caption\n../a.png,a cat\n", "leads out of the folder"),
        ("captions.csv", "file,caption\n/etc/passwd,a cat\n", "leads out of the folder"),
        ("captions.csv", "file,caption\nC:\\a.png,a cat\n", "leads out of the folder"),
        ("captions.csv", "file,caption\nx/A.PNG,a\n", r"line 2: no image 'x/A.PNG' .*there is 'a.png'.*1 of 1 images with captions are missing"),
        ("captions.csv", "file,caption,split\na.png,a,trian\n", "line 2: split is 'trian', not train"),
        ("captions.csv", "file,caption,split\na.png,a,test\na.png,b,train\n", "line 3: 'a.png' is in train here and in test elsewhere"),
        ("captions.csv", "file,caption,split\na.png,a,test\nb.png,b,\n", "line 3: 'b.png' has no split"),
        ("captions.csv", "file,caption,split\na.png,a,train\nb.png,b,train\n", "none is in .*test: it needs train and test"),
        ("captions.csv", "file,caption\na.png,a\nb.png,b\n", r"2 images with captions, and none is in .*: add images, raise the shares"),
        ("captions.csv", b"file,caption\na.png,caf\xe9\n", "line 2: not in UTF-8 .byte 0xe9.: save it as UTF-8"),
        ("captions.csv", "file,caption\na.png,a\n".encode("utf-16"), "not in UTF-8"),
        ("captions.csv", "file,caption\na.png," + "x" * 200_000, "line 2: no table"),
        ("captions.json", "", "no JSON"),
        ("captions.json", "[" * 100_000, "no JSON"),
        ("captions.json", "7", "should be"),
        ("captions.json", "[7]", "entry 1: 7 should be an object"),
        ("captions.json", '{"a.png": 3}', "'a.png': captions is 3, not text"),
        ("captions.json", '{"a.png": ["x", 3]}', "captions is 3, not text"),
        ("captions.json", '{"a.png": "x", "a.png": "y"}', "'a.png' stands there twice: give it a list"),
        ("captions.json", '{"images": [], "annotations": []}', "the file: holds no caption"),
        ("captions.json", '[{"file": 3, "caption": "x"}]', "the file's name is 3, not text"),
        ("captions.json", '[{"file": "a.png"}]', "entry 1: has 'file'; needs one of"),
        ("captions.json", '{"a.png": "\\ud800"}', "no valid Unicode"),
        ("captions.json", '{"file": "a.png"}\n{"file": "b.png"}', "ends in .jsonl"),
        ("captions.jsonl", '{"file": "a.png", "caption": "x"}\n{', "line 2: no JSON"),
        ("captions.jsonl", '{"file": "a\\u0000.png", "caption": "x"}', "no image"),
        ("captions.jsonl", json.dumps({"file": "x" * 5000, "caption": "x"}), "no image"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_are_named_with_the_row_and_a_remedy(folder, name, text, said):
    write(folder, text, name)
    with pytest.raises(ValueError, match=said) as error:
        Folder(root=str(folder))
    assert name in str(error.value)


def test_places_that_are_wrong_are_named(folder, monkeypatch):
    monkeypatch.chdir(folder)  # where "" leads
    for root in (str(folder / "none"), "~nobody-of-that-name/x", "\0", ""):
        with pytest.raises((ValueError, OSError), match=r"no folder|no file that ends in"):
            Folder(root=root)
    with pytest.raises(
        ValueError, match=r"no file that ends in .csv, .json, .jsonl, .tsv, no captions.txt .*: say which one"
    ):
        Folder(root=str(folder))
    write(folder, table())
    write(folder, "{}", "more.json")
    with pytest.raises(
        ValueError, match=r"several captions files: say which one .* captions='captions.csv' or captions='more.json'$"
    ):
        Folder(root=str(folder))
    for captions, said in (
        ("none.csv", "no captions file"),
        ("a.png", "should be a captions file"),
        ("/dev/zero.csv", "no capt"),
    ):
        with pytest.raises(ValueError, match=said):
            Folder(root=str(folder), captions=captions)
    for shares in ({"validation": 0.0}, {"test": 1.0}, {"validation": 0.5, "test": 0.5}, {"test": -1.0}):
        with pytest.raises(ValueError, match="shares of the images"):
            Folder(root=str(folder), captions="captions.csv", **shares)


def test_links_may_lead_outside_and_one_file_inside_has_one_name(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    Image.new("RGB", (8, 8)).save(outside)
    (folder / "link.png").symlink_to(outside)
    rows = [(name, "a") for name in NAMES]
    data = Folder(root=write(folder, table(rows=[*rows, ("link.png", "x")])), **HALF)
    assert held(data)["link.png"] == ["x"]
    linked = next(photo for photo in (*data.train, *data.validation, *data.test) if photo.source == "link.png")
    assert data.load(linked).size == (8, 8)
    (folder / "again.png").symlink_to(folder / "a.png")
    with pytest.raises(ValueError, match=r"'a.png' and 'again.png' are one file"):
        Folder(root=write(folder, table(rows=[*rows, ("again.png", "x")])), **HALF)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    with pytest.raises(ValueError, match=r"no image 'loop.png'"):
        Folder(root=write(folder, table(rows=[("loop.png", "x")])), **HALF)


SCRAPS = st.sampled_from(
    ["file", "caption", "split", "file,caption\n", "a.png", "b.png", ",", ";", "\t", '"', "\n", "\r\n", "\ufeff", "[", "]",
     "{", "}", ":", '"file"', '"caption"', '"a.png"', "null", "1e999", "\\ud800", "\0", "..", "/", "test", "train", "\u2028"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["file", "caption", "captions", "split", *NAMES]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]),
    st.lists(SCRAPS | st.text(max_size=5), max_size=25).map("".join).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_crashes_it(folder, suffix, content):
    write(folder, content, f"captions{suffix}")
    try:
        data = Folder(root=str(folder), captions=f"captions{suffix}", **HALF)
    except ValueError:
        return
    parts = (data.train, data.validation, data.test)
    assert all(parts)
    assert all(photo.captions and photo.file.is_file() for part in parts for photo in part)


def test_from_a_folder_to_the_caption_of_another_picture(tmp_path):
    """The whole way in processes of its own, with one caption per image."""
    own_folder(tmp_path / "photos", captions=1)
    run = ["run", CONFIG, "--dataset", f"folder(root='{tmp_path / 'photos'}')"]
    parts = ["--backbone", "timm/test_resnet(pretrained=False)", "--attention", "luong", "--decoder", "lstm(dim=16)"]
    where = ["--training.epochs", "2", "--out", tmp_path / "runs", "--cache", tmp_path / "cache"]
    done = caption_zoo(*run, *parts, *where, folder=tmp_path).end()
    assert done.returncode == 0, done.stdout + done.stderr
    (place,) = (tmp_path / "runs").glob("*/record.json")
    record = RunRecord.load(place)
    data = Folder(root=str(tmp_path / "photos"))
    assert (record.dataset, record.split, record.synthetic) == ("folder", "test", False)
    assert set(record.per_image["CIDEr"]) == {str(photo.image_id) for photo in data.test}
    assert [record.data[part] for part in ("train", "validation", "test")] == [
        len(data.train),
        len(data.validation),
        len(data.test),
    ]
    assert str(tmp_path) not in place.read_text()
    picture = tmp_path / "another.png"
    Image.new("RGB", (50, 40), "red").save(picture)
    said = caption_zoo("caption", place.parent, picture, folder=tmp_path).end()
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"{picture}\t")


def test_no_known_word_names_the_remedy(tmp_path, capsys):
    own_folder(tmp_path / "photos", images=20, captions=1)
    arguments = ["run", str(CONFIG), "--dataset", f"folder(root='{tmp_path / 'photos'}', validation=0.2, test=0.2)"]
    arguments += ["--backbone", "patches(dim=8)", "--out", str(tmp_path / "runs"), "--cache", str(tmp_path / "cache")]
    assert main([*arguments, "--training.min_count", "1000"]) == 2
    assert "occurs 1000 times: lower min_count" in capsys.readouterr().err
