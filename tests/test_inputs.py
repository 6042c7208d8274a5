"""Files, folders and environments as users bring them: each is read, or refused in one line that says the remedy."""

import errno
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import coco_folder, own_folder
from PIL import Image
from records import record
from sandbox import calls_here
from torch import nn

from benchmarks.cell.workdir import failed
from benchmarks.cli.main import main
from benchmarks.data import DATASETS, UnreadableImage
from benchmarks.data.formats.coco_json import read_results, write_results
from benchmarks.features.cache import FeatureCache
from benchmarks.features.files import Writer
from benchmarks.metrics.java import process, ptb_tokenizer
from benchmarks.records.record import RunRecord
from registry import Spec
from zoo import checkpoint
from zoo.backbones import weights
from zoo.pictures import open_picture
from zoo.registries import BACKBONES

ROOT = Path(__file__).parents[1]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def said(capsys, *words):
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    code = main(list(map(str, words)))
    return code, *capsys.readouterr()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "L", "RGB"])
def test_what_is_transparent_is_white_and_the_drawing_stays(tmp_path, mode):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    for place in range(8):
        picture.putpixel((place, 3), (0, 0, 0, 255))
    file, options = tmp_path / "a.png", {}
    if mode in ("L", "RGB"):  # one colour stands for transparency
        picture = Image.composite(
            Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (7, 7, 7)), picture.getchannel("A")
        )
        picture, options = picture.convert(mode), {"transparency": 7 if mode == "L" else (7, 7, 7)}
    elif mode == "P":
        picture = picture.quantize(4)
    elif mode != "PA":
        picture = picture.convert(mode)
    picture.save(file, **options)
    opened = open_picture(file)
    assert opened.mode == "RGB"
    assert [opened.getpixel(place) for place in ((4, 3), (4, 6))] == [BLACK, WHITE]


def test_half_transparent_lies_on_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").getpixel((0, 0)) == (127, 127, 127)


def test_jpeg_2000_is_read_and_heic_names_its_package(tmp_path):
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.jp2")
    assert open_picture(tmp_path / "a.jp2").getpixel((3, 3))[0] > 240
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(OSError, match="cannot" if find_spec("pillow_heif") else "need the package pillow-heif"):
        open_picture(tmp_path / "a.heic")
    (tmp_path / "b.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(OSError, match="Git LFS pointer"):
        open_picture(tmp_path / "b.jpg")


def test_a_large_picture_says_the_limit_and_how_to_raise_it(tmp_path, monkeypatch, recwarn):
    Image.new("1", (9_000, 9_000)).save(tmp_path / "large.png")
    assert open_picture(tmp_path / "large.png").size == (9_000, 9_000)
    assert not recwarn.list
    monkeypatch.setenv("CAPTION_ZOO_MAX_PIXELS", "1000000")
    with pytest.raises(OSError, match=r"9000 x 9000 pixels are more than 1,000,000: set CAPTION_ZOO_MAX_PIXELS=8100"):
        open_picture(tmp_path / "large.png")


def test_a_pipe_is_no_picture_no_weights_no_record_and_no_model(tmp_path):
    for name in ("a.jpg", "a.pth", "record.json", "config.json"):
        os.mkfifo(tmp_path / name)
    calls = (
        lambda: open_picture(tmp_path / "a.jpg"),
        lambda: weights.digest(tmp_path / "a.pth"),
        lambda: RunRecord.load(tmp_path),
        lambda: checkpoint.load(tmp_path),
    )
    for call in calls:
        with pytest.raises((OSError, ValueError), match="no file"):
            call()


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "_orig_mod.",
        "backbone.",
        "module._orig_mod.",
        "module.backbone.",
        "_orig_mod.module.",
        "model.backbone.",
    ],
)
def test_weights_are_found_behind_what_wrappers_put_before_their_names(tmp_path, prefix):
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save({f"{prefix}{name}": value for name, value in other.state_dict().items()}, tmp_path / "a.pth")
    weights.load_local(model, str(tmp_path / "a.pth"))
    assert torch.equal(model.weight, other.weight)


def test_weights_of_another_image_size_are_resized_as_published_ones_are(tmp_path):
    small, large = (f"timm/vit_tiny_patch16_224(pretrained=False, image_size={size})" for size in (32, 64))
    torch.save(BACKBONES.build(small).model.state_dict(), tmp_path / "a.pth")
    resized = BACKBONES.build(large.replace(")", f", weights={str(tmp_path / 'a.pth')!r})"))
    resized.load_pretrained()
    assert resized.model.pos_embed.shape[1] == 17
    assert torch.equal(
        resized.model.blocks[0].attn.qkv.weight, torch.load(tmp_path / "a.pth")["blocks.0.attn.qkv.weight"]
    )


def test_a_pointer_of_git_lfs_is_called_one(tmp_path):
    (tmp_path / "a.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ValueError, match="is a Git LFS pointer"):
        weights.load_local(nn.Linear(1, 1), str(tmp_path / "a.pth"))


@pytest.mark.parametrize("split", ["train", "val"])
def test_missing_images_are_counted_before_anything_is_encoded(tmp_path, split):
    root = coco_folder(tmp_path, train=20)
    images = sorted((root / f"{split}2017").iterdir())
    images[1].unlink()
    if split == "val":
        with pytest.raises(ValueError, match=r"1 of \d+ test images are missing, for example .*scores need every one"):
            DATASETS.build(f"coco(root={str(root)!r})")
        return
    assert "1 of 18 training images are missing and left out" in " ".join(
        DATASETS.build(f"coco(root={str(root)!r})").notes
    )
    for image in images[2:]:
        image.unlink()
    with pytest.raises(ValueError, match=r"1\d of 18 training images are missing, for example .*: fetch them"):
        DATASETS.build(f"coco(root={str(root)!r})")


@pytest.mark.parametrize(("spoilt", "why"), [("train", "training"), ("validation", "validation")])
def test_a_split_whose_images_cannot_be_read_is_refused(tmp_path, spoilt, why):
    own_folder(tmp_path, images=30, captions=1)
    data = DATASETS.build(f"folder(root={str(tmp_path)!r}, validation=0.2, test=0.2)")
    for example in getattr(data, spoilt):
        example.file.write_bytes(b"no image")
    backbone = BACKBONES.build("patches(dim=8, trainable=False)").eval()
    with pytest.raises(UnreadableImage, match=rf"(\d+) of \1 {why} images cannot be read, such as .*: fetch or mend"):
        FeatureCache(tmp_path / "cache", torch.device("cpu")).store(data, backbone, named="", hflip=False)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["sums.npy", "manifest.json"])
def test_a_full_disk_leaves_no_torn_store(tmp_path, name, monkeypatch):
    open_ = os.open

    def full(path, *flags, **options):
        return (
            open_("/dev/full", os.O_WRONLY) if f".{Path(name).stem}." in str(path) else open_(path, *flags, **options)
        )

    monkeypatch.setattr(os, "open", full)
    with Writer(tmp_path, 3000, "it") as writer:
        writer.add(range(3000), np.zeros((3000, 1, 2), np.float16))
        with pytest.raises(OSError, match="No space left") as error:
            writer.finish(grid=None, skipped=[], seconds=0.0)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / name))
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"])
def test_what_java_logs_is_no_answer(monkeypatch, variable):
    monkeypatch.setenv(variable, "-Xlog:gc -Xlog:safepoint")
    assert ptb_tokenizer.tokenize(["A dog.", "Two cats.", ""]) == ["a dog", "two cats", ""]
    assert "openjdk" in process.version().lower()


def test_without_a_home_folder_one_line_says_what_to_set(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    config = ROOT / "configs" / "quickstart.yaml"
    code, _, err = said(capsys, "run", config, "--out", tmp_path)
    assert code == 2
    assert "no home folder for the cache: set HOME" in err
    with pytest.raises(ValueError, match="no COCO folder '~nobody/x'"):
        DATASETS.build("coco(root='~nobody/x')")


def test_what_is_no_run_says_which_runs_there_are(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("a", "b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.json").write_text("{}")
    (tmp_path / "runs" / "a" / "record.json").write_text("{}")
    for place, why in (
        ("runs", "is no run, it holds runs: runs/a, runs/b"),
        ("runs/a/record.json", "is a file: name the folder of a run, runs/a"),
        ("user/repo", "no folder 'user/repo', and the cache has no config.json of user/repo@main"),
        ("none", "no folder 'none'"),
    ):
        code, out, err = said(capsys, "caption", place, "photo.jpg")
        assert (code, out) == (2, "")
        assert why in err


def test_captions_lead_to_the_files_they_are_of(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own_folder(tmp_path, images=12, captions=2)
    data = DATASETS.build(f"folder(root={str(tmp_path)!r}, validation=0.2, test=0.4)")
    captions = {example.image_id: example.captions[0] for example in data.test}
    write_results(captions, tmp_path / "said.json", {example.image_id: example.source for example in data.test})
    entries = json.loads((tmp_path / "said.json").read_text())
    assert {entry["source"] for entry in entries} == {example.source for example in data.test}
    assert read_results(tmp_path / "said.json") == captions
    code, out, err = said(capsys, "score", tmp_path / "said.json", "--references", tmp_path / "captions.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["Bleu_1"] == pytest.approx(1)


def test_a_table_that_ends_in_txt_is_read_where_it_is_named(tmp_path):
    own_folder(tmp_path, images=40, captions=1)
    (tmp_path / "captions.csv").rename(tmp_path / "captions.txt")
    assert len(DATASETS.build(f"folder(root={str(tmp_path)!r}, captions='captions.txt')").train) > 20


@pytest.fixture
def cell():
    from benchmarks.config import Experiment, Matrix, Training
    from benchmarks.plan.matrix import plan

    parts = [(Spec.parse(text),) for text in ("patches(dim=8)", "mean", "lstm(dim=8)")]
    scenes = Spec.parse("scenes(train=2, validation=1, test=1)")
    return plan(Experiment(scenes, Matrix(*parts), training=Training(min_count=1))).cells[0]


def test_an_id_of_two_images_is_refused_before_anything_is_encoded(monkeypatch):
    from benchmarks.config import Experiment, Matrix, Training
    from benchmarks.plan.matrix import plan

    data = DATASETS.build("scenes(train=2, validation=1, test=1)")
    data.validation = data.train[1:]
    monkeypatch.setattr(DATASETS, "build", lambda spec: data)
    experiment = Experiment("scenes(train=2)", Matrix("patches(dim=8)", "mean"), training=Training(min_count=1))
    with pytest.raises(ValueError, match=f"scenes has the image id {data.train[1].image_id} more than once"):
        plan(experiment)


@pytest.mark.parametrize("text", ["\x1b[2J[1/1] abc  done", "a\r\nb\u2028c", "\ud800", "x" * 20_000_000, ""])
def test_the_reason_of_a_failure_is_one_short_line_that_can_be_written(cell, text, tmp_path):
    found = failed(cell, f"RuntimeError: {text}", "error")
    found.save(tmp_path)
    assert RunRecord.load(tmp_path).error == found.error
    assert found.error.startswith("RuntimeError:")
    assert found.error.isprintable()
    assert len(found.error) <= 2000


def test_a_torn_record_is_named_and_passed_over(tmp_path, capsys):
    for number, name in enumerate(("mean", "luong")):
        folder = tmp_path / str(number)
        folder.mkdir()
        record(name, images=8).save(folder)
    (tmp_path / "0" / "record.json").write_text('{"schema": 1, "id"')
    code, _, err = said(capsys, "leaderboard", tmp_path, "--out", tmp_path / "page")
    assert code == 0
    assert err.count("\n") == 1
    assert "passed over" in err
    assert "0/record.json" in err


def test_a_leaderboard_of_nothing_is_refused(tmp_path, capsys):
    code, out, err = said(capsys, "leaderboard", tmp_path)
    assert (code, out) == (2, "")
    assert "no run records below" in err
    assert list(tmp_path.iterdir()) == []


def test_captioning_a_folder_says_what_it_passes_over(tmp_path, capsys, monkeypatch):
    from benchmarks.inference.image_files import listed

    (tmp_path / "photos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("a.jpg", "photo", ".hidden"):
        (tmp_path / "photos" / name).touch()
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    assert [Path(file).name for file in listed([str(tmp_path / "photos")]).files] == ["a.jpg"]
    err = capsys.readouterr().err
    assert "passed over 2 files or linked folders" in err
    with pytest.raises(ValueError, match="the name of an image is empty"):
        listed([""])


def test_a_terminal_that_knows_few_letters_gets_escapes_and_loses_nothing(tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from zoo.attention import ATTENTIONS\nfrom zoo.attention.mean import Mean\n"
        "@ATTENTIONS.register('accented')\nclass Accented(Mean):\n    'Une \xe9l\xe9gante moyenne.'\n",
        encoding="utf-8",
    )
    words = ["caption-zoo", "list", "attention", "--plugin", str(plugin)]
    code = f"import sys; sys.argv = {words}; from caption_zoo.command import main; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Une \\xe9l\\xe9gante moyenne." in done.stdout
    assert b"luong" in done.stdout
