"""Data sets of the datasets library: columns and splits are found, images read by row, and what is wrong is one line."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from folders import COLOURS, drawn, parquet_folder
from PIL import Image

from benchmarks.cli.main import main
from benchmarks.data import UnreadableImage
from benchmarks.data.formats.splits import numbers
from benchmarks.data.hf import HuggingFace

datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'caption-zoo[hf]'")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

# The library leaves metadata.csv to the garbage collector to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The library's cache, which it reads from its configuration whenever it is used."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "cache" / "downloads")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets.disable_progress_bars()
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    return parquet_folder(tmp_path / "parquet")


def parts(data):
    return (data.train, data.validation, data.test)


def every(data):
    return [image for part in parts(data) for image in part]


def write(root, rows, name="train.parquet", **options):
    root.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), root / name, **options)
    return str(root)


def row(number, **others):
    return {
        "image": {"bytes": drawn(COLOURS[number % 4]), "path": f"{number}.png"},
        "caption": f"Number {number}.",
        **others,
    }


def thirty(**others):
    """Rows that a hash draws into all three splits."""
    return [row(number, **{key: give(number) for key, give in others.items()}) for number in range(30)]


def spoken(data):
    return {caption for image in every(data) for caption in image.captions}


def image_folder(root, metadata, **files):
    """Images of one folder, and what a file beside them says."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(30):
        (root / f"{number}.png").write_bytes(drawn(COLOURS[number % 4]))
    rows = [{"file_name": f"{n}.png", "caption": f"Number {n}."} for n in range(30)]
    for name in metadata:
        if name.endswith(".csv"):
            with (root / name).open("w", newline="") as file:
                writer = csv.DictWriter(file, ["file_name", "caption"])
                writer.writeheader()
                writer.writerows(rows)
        elif name.endswith(".jsonl"):
            (root / name).write_text("".join(json.dumps(each) + "\n" for each in rows))
        else:
            pq.write_table(pa.Table.from_pylist(rows), root / name)
    return str(root)


def test_parquet_files_hold_what_an_independent_reader_finds(folder):
    data = HuggingFace(path=str(folder))
    assert (data.split, data.notes, data.location, data.name) == ("test", (), ("path",), "hf")
    for split, images in zip(("train", "validation", "test"), parts(data), strict=True):
        rows = pq.read_table(next(folder.glob(f"{split}-*"))).to_pylist()
        assert {image.image_id: image.captions for image in images} == {
            each["cocoid"]: tuple(each["captions"]) for each in rows
        }
        pixels = {
            each["cocoid"]: Image.open(io.BytesIO(each["image"]["bytes"])).convert("RGB").tobytes() for each in rows
        }
        assert {image.image_id: data.load(image).tobytes() for image in images} == pixels
    assert data.train[0].source == "0.png"


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_an_image_folder_has_the_ids_of_the_data_set_folder(tmp_path, name):
    data = HuggingFace(path=image_folder(tmp_path / "images", [name]))
    assert len(every(data)) == 30
    for image in every(data):
        number = int(image.captions[0].removeprefix("Number ").rstrip("."))
        assert (image.image_id, image.source) == (numbers(f"{number}.png")[0], f"{number}.png")
        file = tmp_path / "images" / f"{number}.png"
        assert data.load(image).tobytes() == Image.open(file).convert("RGB").tobytes()


def test_images_in_a_zip_archive(tmp_path):
    source = Path(image_folder(tmp_path / "images", ["metadata.jsonl"]))
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "train.zip", "w") as archive:
        for file in source.iterdir():
            archive.write(file, file.name)
    one, other = HuggingFace(path=str(source)), HuggingFace(path=str(tmp_path / "zipped"))
    assert (one.fingerprint, one.files()) == (other.fingerprint, other.files())
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one.load, one.train)) == list(pool.map(other.load, other.train))


def test_what_save_to_disk_wrote(tmp_path, folder):
    loaded = datasets.load_dataset(str(folder))
    loaded.save_to_disk(str(tmp_path / "saved"))
    one, other = HuggingFace(path=str(folder)), HuggingFace(path=str(tmp_path / "saved"))
    assert (one.fingerprint, one.files()) == (other.fingerprint, other.files())
    loaded["train"].save_to_disk(str(tmp_path / "single"))
    single = HuggingFace(path=str(tmp_path / "single"))
    assert sorted(image.image_id for image in every(single)) == list(range(12))
    with pytest.raises(ValueError, match="save_to_disk, which has no configurations: leave config out"):
        HuggingFace(path=str(tmp_path / "saved"), config="x")


def test_a_snapshot_in_the_hubs_cache_is_made_of_links(tmp_path):
    images = Path(image_folder(tmp_path / "images", ["metadata.jsonl"]))
    snapshot = tmp_path / "hub" / "datasets--a--b" / "snapshots" / "c0ffee"
    blobs = tmp_path / "hub" / "datasets--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted(images.iterdir())):
        (blobs / str(number)).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    one, other = HuggingFace(path=str(images)), HuggingFace(path=str(snapshot))
    assert (one.fingerprint, one.files()) == (other.fingerprint, other.files())
    assert all(one.load(image) == other.load(same) for image, same in zip(one.train, other.train, strict=True))


@pytest.mark.parametrize(
    ("value", "captions"),
    [
        ({"caption": "a cat"}, ["a cat"]),
        ({"captions": ["a cat", "a dog", None, " . "]}, ["a cat", "a dog"]),
        ({"caption_0": "a cat", "caption_1": "a dog", "caption": "a cow"}, ["a cat", "a dog", "a cow"]),
        ({"sentences": ["a cat"], "sentences_raw": ["A cat!"], "sentids": [3]}, ["A cat!"]),
        ({"sentences": [{"raw": "a cat", "tokens": ["a"]}, {"raw": "a dog", "tokens": None}]}, ["a cat", "a dog"]),
        ({"sentences": {"raw": ["a cat", "a dog"]}}, ["a cat", "a dog"]),
        ({"text": "a cat", "url": "http://x"}, ["a cat"]),
        ({"answer": ["a cat"], "question": "what?"}, ["a cat"]),
        ({"caption": "a  cat\non a mat"}, ["a cat on a mat"]),
    ],
)  # fmt: skip
def test_captions_are_found_where_others_write_them(tmp_path, value, captions):
    rows = [{"image": drawn("red"), **value} for _ in range(30)]
    data = HuggingFace(path=write(tmp_path / "p", rows))
    assert sorted(every(data)[0].captions) == sorted(captions)
    assert data.load(data.train[0]).getpixel((40, 30)) == (255, 0, 0)


def test_columns_may_be_named(tmp_path):
    rows = [
        {"left": drawn("red"), "right": drawn("blue"), "fr": f"un chat {n}", "de": "eine Katze", "key": n}
        for n in range(30)
    ]
    path = write(tmp_path / "p", rows)
    data = HuggingFace(path=path, image="right", captions=("fr", "de"), image_id="key")
    assert {image.image_id: image.captions for image in every(data)} == {
        n: (f"un chat {n}", "eine Katze") for n in range(30)
    }
    assert data.load(data.test[0]).getpixel((40, 30)) == (0, 0, 255)


def test_rows_of_one_image_are_one(tmp_path):
    rows = [row(n // 5, image_id=n // 5, id=n) | {"caption": f"caption {n}"} for n in range(150)]
    path = write(tmp_path / "p", rows)
    found = {image.image_id: image.captions for image in every(HuggingFace(path=path))}
    assert found == {image: tuple(f"caption {n}" for n in range(5 * image, 5 * image + 5)) for image in range(30)}
    assert len(every(HuggingFace(path=path, image_id=""))) == 150
    assert len(every(HuggingFace(path=path, image_id="id"))) == 150


def test_a_column_says_the_split_where_there_is_one(tmp_path):
    kinds = ["train", "restval", "val", "test"]
    rows = thirty(split=lambda n: kinds[n % 4], filename=lambda n: f"{n}.jpg")
    data = HuggingFace(path=write(tmp_path / "p", rows, "test.parquet"))
    assert [sorted(int(Path(image.source).stem) for image in part) for part in parts(data)] == [
        [n for n in range(30) if n % 4 < 2], list(range(2, 30, 4)), list(range(3, 30, 4)),
    ]  # fmt: skip


def test_one_split_is_drawn_by_a_hash(tmp_path):
    data = HuggingFace(path=write(tmp_path / "p", thirty(filename=lambda n: f"{n}.jpg")))
    drawn_lots = {name: numbers(name)[1] for name in (f"{n}.jpg" for n in range(30))}
    assert {image.source for image in data.test} == {name for name, place in drawn_lots.items() if place < 0.1}
    assert {image.source for image in data.train} == {name for name, place in drawn_lots.items() if place >= 0.2}


def test_splits_may_be_named_and_cut(folder):
    path = str(folder)
    data = HuggingFace(path=path, train="train[:5]")
    assert [sorted(image.image_id for image in part) for part in parts(data)] == [
        list(range(5)), list(range(12, 16)), list(range(16, 20)),
    ]  # fmt: skip
    data = HuggingFace(path=path, train="validation+train[50%:]", validation="test[:1]", test="test[1:]")
    assert [sorted(image.image_id for image in part) for part in parts(data)] == [
        [*range(6, 12), *range(12, 16)], [16], [17, 18, 19],
    ]  # fmt: skip
    (folder / "test-00000-of-00001.parquet").unlink()
    data = HuggingFace(path=path)
    assert (data.split, len(data.test)) == ("validation", 4)
    write(folder, [row(40, captions=["x y"], cocoid=40)], "extra-00000-of-00001.parquet")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "nope"}, r"""train='nope': Unknown split "nope".* Its splits are 'train', 'validation', 'test'$"""),
        ({"train": "train[x]"}, "Unrecognized instruction format"),
        ({"train": "train+test[2:]"}, r"rows test\[2:4\] are in test and in train: name splits that share none"),
        ({"image": "picture"}, "no column 'picture', which image names. Its columns are 'image', 'captions', 'cocoid'"),
        ({"image": "captions"}, "column 'captions' holds no images, but "),
        ({"captions": "cocoid"}, "column 'cocoid' holds no texts, but "),
        ({"image_id": "captions"}, "column 'captions' holds no IDs, but "),
        ({"config": "french"}, "french.*config='...'"),
        ({"revision": "main"}, "revision='main' is of the Hub, and .* is a folder: leave it out"),
        ({"path": "none"}, "'none' is no folder, or the name of a data set on the Hugging Face Hub, owner/name"),
        ({"path": "imagefolder"}, "'imagefolder' is no folder"),
        ({"path": "\0"}, "is no folder"),
        ({"path": "~nobody/x"}, "'~nobody/x' is no folder"),
        ({"path": __file__}, "is a file: give the folder that it is in"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(folder, options, said):
    with pytest.raises(ValueError, match=said) as error:
        HuggingFace(**{"path": str(folder), **options})
    assert "\n" not in str(error.value)


def test_ambiguous_columns_are_listed(tmp_path):
    many = [{"left": drawn("red"), "right": drawn("red"), "caption": "x"}]
    with pytest.raises(
        ValueError,
        match=r"more than one column holds images, 'left', 'right': name it with image='...'\. Its columns are 'left', 'right', 'caption'",
    ):
        HuggingFace(path=write(tmp_path / "a", many))
    both = [{"image": drawn("red"), "caption": "x", "captions": ["y"]}]
    with pytest.raises(
        ValueError, match=r"more than one column may hold captions, 'caption', 'captions': name it with captions="
    ):
        HuggingFace(path=write(tmp_path / "b", both))
    with pytest.raises(ValueError, match="no column is named as captions are: name it with captions="):
        HuggingFace(path=write(tmp_path / "c", [{"image": drawn("red"), "label": 3, "caption": 3}]))
    with pytest.raises(ValueError, match="no column holds images"):
        HuggingFace(path=write(tmp_path / "d", [{"image_url": "http://x", "caption": "a"}]))


def test_splits_of_other_names_are_named(tmp_path):
    root = tmp_path / "p"
    files = "".join(f"  - split: {name}\n    path: {name}.parquet\n" for name in ("dogs", "cats"))
    write(root, thirty() + thirty(), "dogs.parquet")
    write(root, thirty(), "cats.parquet")
    (root / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n")
    with pytest.raises(ValueError, match=r"its splits are 'dogs', 'cats': say which are meant with train='...'"):
        HuggingFace(path=str(root))
    data = HuggingFace(path=str(root), train="dogs", test="cats[:10]")
    assert (len(data.test), len(data.train) + len(data.validation)) == (10, 60)
    assert HuggingFace(path=str(root), train="dogs").notes == ("the data set's splits 'cats' are not used",)


def test_configurations_are_named(tmp_path):
    root = tmp_path / "p"
    for config in ("en", "fr"):
        write(root / config, [row(n) | {"caption": f"{config} {n}"} for n in range(30)])
    (root / "README.md").write_text(
        "---\nconfigs:\n"
        + "".join(f"- config_name: {c}\n  data_files: {c}/train.parquet\n" for c in ("en", "fr"))
        + "---\n"
    )
    assert "fr 3" in spoken(HuggingFace(path=str(root), config="fr"))
    with pytest.raises(ValueError, match=r"Config name is missing.*'en', 'fr'.*name one with config='...'"):
        HuggingFace(path=str(root))
    with pytest.raises(ValueError, match=r"BuilderConfig 'de' not found.*'en', 'fr'.*: name one that is there"):
        HuggingFace(path=str(root), config="de")


def test_an_image_in_two_splits_is_refused(tmp_path):
    root = tmp_path / "p"
    for split in ("train", "test"):
        write(root, [row(n, image_id=n) for n in range(30)], f"{split}.parquet")
    with pytest.raises(
        ValueError, match=r"test, row 0: image_id '0' is in test here and in train elsewhere.*image_id=''"
    ):
        HuggingFace(path=str(root))
    assert len(HuggingFace(path=str(root), image_id="").test) == 30


def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path):
    rows = thirty()
    rows[3]["caption"] = None
    rows[4]["image"] = None
    rows[5]["image"] = {"bytes": None, "path": None}
    rows[6]["caption"] = "x" * 10_001
    rows[7]["caption"] = "..."
    data = HuggingFace(path=write(tmp_path / "p", rows))
    assert len(every(data)) == 25
    assert data.notes == (
        "2 rows without a caption left out, such as train, row 3",
        "2 rows without an image left out, such as train, row 4",
        "1 rows whose captions cannot be read left out, such as train, row 6: caption has 10,001 characters, more than 10,000",
    )
    with pytest.raises(
        ValueError, match="no row has an image and a caption: 3 rows without a caption left out, such as"
    ):
        HuggingFace(path=write(tmp_path / "q", [row(n) | {"caption": "..."} for n in range(3)]))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/passwd", "leads out of the folder: copy it there"),
        ("../secret.png", "leads out of the folder"),
        ("link.png", "leads out of the folder"),
        ("missing.png", "no image 'missing.png': add it, or leave its row out"),
        ("https://example.org/a.png", "is a link, and no image: download"),
        ("hf://datasets/a/b/c.png", "is a link, and no image"),
        ("zip://a.png::/etc/passwd", "leads out of the folder"),
        ("zip://a.png::https://example.org/a.zip", "is a link"),
        ("zip://a.png::train.parquet", "no image 'a.png' in train.parquet: File is not a zip file"),
        ("a\0b", "no image"),
    ],
)  # fmt: skip
def test_a_path_leads_nowhere_else(tmp_path, path, said):
    drawn_elsewhere = tmp_path / "secret.png"
    drawn_elsewhere.write_bytes(drawn("red"))
    root = tmp_path / "p"
    write(root, [row(n) if n else row(n) | {"image": {"bytes": None, "path": path}} for n in range(30)])
    (root / "link.png").symlink_to(drawn_elsewhere)
    with pytest.raises(ValueError, match=f"train, row 0: .*{said}") as error:
        HuggingFace(path=str(root))
    assert "\n" not in str(error.value)


def test_files_of_other_folders_are_not_read(tmp_path):
    write(tmp_path / "elsewhere", thirty())
    root = tmp_path / "p"
    root.mkdir()
    (root / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: ../elsewhere/train.parquet\n---\n"
    )
    with pytest.raises(ValueError, match="leads out of the folder: copy it there"):
        HuggingFace(path=str(root))
    (root / "README.md").unlink()
    (root / "train.parquet").symlink_to(tmp_path / "elsewhere" / "train.parquet")
    with pytest.raises(ValueError, match=r"'train\.parquet' leads out of the folder"):
        HuggingFace(path=str(root))
    metadata = Path(image_folder(tmp_path / "images", []))
    (metadata / "metadata.csv").write_text("file_name,caption\n../../secret.png,x\n")
    with pytest.raises(ValueError, match=r"Invalid metadata file_name|leads out of the folder"):
        HuggingFace(path=str(metadata))


def test_damaged_files_are_one_line(tmp_path, folder):
    whole = (folder / "train-00000-of-00001.parquet").read_bytes()
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "text": b"no parquet",
        "empty": b"",
        "torn": b"PAR1" + whole[400:],
    }.items():
        root = tmp_path / name
        root.mkdir()
        (root / "train.parquet").write_bytes(content)
        with pytest.raises(ValueError, match="cannot read ") as error:
            HuggingFace(path=str(root))
        assert "\n" not in str(error.value)
    (tmp_path / "text" / "train.parquet").unlink()
    with pytest.raises(ValueError, match="cannot read "):
        HuggingFace(path=str(tmp_path / "text"))


def test_no_code_of_a_data_set_is_run(tmp_path):
    path = write(tmp_path / "evil", thirty())
    (tmp_path / "evil" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ValueError, match=r"scripts are no longer supported.*refs/convert/parquet"):
        HuggingFace(path=path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.tar", r"holds tar shards: use --dataset \"webdataset\(root='...'\)\""),
        ("a.txt", "holds files that are read as text"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, name, said):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / name).write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=said):
        HuggingFace(path=str(tmp_path / "t"))


def test_an_image_that_cannot_be_read_is_named_without_its_place(tmp_path, monkeypatch):
    whole = drawn("red")
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    bad = {"cut.png": whole[:60], "text.png": b"no image", "none.png": b"", "bomb.png": bomb.getvalue()}
    rows = [{"image": {"bytes": content, "path": f"/home/me/{name}"}, "caption": "x"} for name, content in bad.items()]
    data = HuggingFace(path=write(tmp_path / "p", rows + thirty()))
    images = {image.source: image for image in every(data)}
    for name in bad:
        with pytest.raises(UnreadableImage, match=rf"^{name}: ") as error:
            data.load(images[name])
        assert "/" not in str(error.value)
    root = Path(image_folder(tmp_path / "images", ["metadata.csv"]))
    data = HuggingFace(path=str(root))
    (root / data.train[0].source).write_bytes(whole[:60])
    (root / data.train[1].source).unlink()
    for image in data.train[:2]:
        with pytest.raises(UnreadableImage, match=rf"^{image.source}: ") as error:
            data.load(image)
        assert str(tmp_path) not in str(error.value)
    monkeypatch.setattr("benchmarks.data.huggingface.pictures._LARGEST", 50)
    data = HuggingFace(path=write(tmp_path / "q", thirty()))
    with pytest.raises(UnreadableImage, match="bytes are more than an image has"):
        data.load(data.train[0])


def test_the_fingerprint_follows_ids_and_captions(tmp_path):
    def printed(rows, **options):
        printed.turn += 1
        data = HuggingFace(path=write(tmp_path / str(printed.turn), rows), **options)
        return data.fingerprint, data.files()

    printed.turn = 0
    rows = thirty(cocoid=lambda n: n)
    first = printed(rows)
    assert printed(rows) == first
    assert printed(rows, image_id="")[0] != first[0]
    assert printed([*rows[:-1], row(29, cocoid=29) | {"caption": "another"}])[0] != first[0]
    mended = printed([*rows[:-1], row(29, cocoid=29) | {"image": {"bytes": drawn("red") + b"\0", "path": "x"}}])
    assert (mended[0] == first[0], mended[1] == first[1]) == (True, False)


def test_a_folder_that_changed_is_read_again(tmp_path):
    path = write(tmp_path / "p", thirty())
    one = HuggingFace(path=path)
    write(tmp_path / "p", [row(n) | {"caption": "another"} for n in range(30)])
    os.utime(tmp_path / "p" / "train.parquet", (1, 1))
    assert spoken(HuggingFace(path=path)) == {"another"} != spoken(one)


def test_many_threads_and_a_forked_process_read_what_one_reads(folder):
    data = HuggingFace(path=str(folder))
    expected = [data.load(image).tobytes() for image in data.train]
    with ThreadPoolExecutor(8) as pool:
        assert [picture.tobytes() for picture in pool.map(data.load, data.train * 8)] == expected * 8
    if not (child := os.fork()):
        try:
            os._exit([data.load(image).tobytes() for image in data.train] != expected)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_a_cache_may_be_read_only_once_it_is_filled(tmp_path, folder, cache):
    first = HuggingFace(path=str(folder))
    held = [cache, *cache.rglob("*")]
    for path in held:
        path.chmod(0o555)
    try:
        if os.access(cache, os.W_OK):
            pytest.skip("root writes into every folder")
        assert HuggingFace(path=str(folder)).fingerprint == first.fingerprint
        with pytest.raises(ValueError, match=r"Permission denied.*HF_HOME"):
            HuggingFace(path=write(tmp_path / "new", thirty()))
    finally:
        for path in held:
            path.chmod(0o755)


def test_two_processes_at_once_convert_one_data_set(tmp_path, folder):
    script = "import sys; from benchmarks.data.hf import HuggingFace; print(HuggingFace(path=sys.argv[1]).fingerprint)"
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, env=environment, text=True
        )
        for _ in range(2)
    ]
    expected = HuggingFace(path=str(folder)).fingerprint
    assert [process.communicate()[0] for process in started] == [f"{expected}\n"] * 2


def test_the_extra_is_named_where_it_is_missing(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"datasets cannot be imported: .*\. pip install 'caption-zoo\[hf\]'"):
        HuggingFace(path=str(folder))


def test_it_is_checked_like_any_other(folder, capsys):
    assert main(["check", "dataset", f"hf(path={str(folder)!r})"]) == 0
    assert "BROKEN" not in capsys.readouterr().out
