"""The caption command: files, folders, globs and stdin, in batches, with maps."""

import io
import json
import os
import subprocess
import sys

import pytest
import torch
from PIL import Image

from benchmarks.cli.main import main
from benchmarks.inference import image_files as pictures
from benchmarks.inference.caption_files import decoding_of
from benchmarks.records.record import REQUEST
from zoo import checkpoint, create_model
from zoo.decoding import Decoding
from zoo.settings import to_request
from zoo.vocabulary import END

LINE = [sys.executable, "-m", "benchmarks.cli.main", "caption"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a small model that always says three words."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = create_model("patches(dim=8)", "multihead(num_heads=2)", "lstm(dim=8)", vocabulary=["red", "a", "circle"])
    model.decoder.bias.data[END] = -1e3
    checkpoint.save(model, folder, weights=model.backbone.load_pretrained())
    (folder / REQUEST).write_text(json.dumps({"decoding": {"num_beams": 2, "max_length": 3, "length_penalty": 0.7}}))
    return str(folder)


@pytest.fixture
def photos(tmp_path):
    """Six pictures in folders, and what is none."""
    for name in ("b.jpg", "a.PNG", "in/a.png", "in/deep/z.webp", "in/[1].jpg", ".hidden.jpg", ".hidden/c.jpg"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((30, 20), 90).convert("RGB").save(file)
    (tmp_path / "photos" / ".readme.txt").write_text("no picture")
    return tmp_path / "photos"


def said(capsys, *arguments):
    """The lines of stdout, as file and caption."""
    code = main(["caption", *arguments])
    out = capsys.readouterr()
    return code, [tuple(line.split("\t")) for line in out.out.splitlines()], out.err


def test_a_folder_stands_for_every_image_in_it_in_order(capsys, run, photos):
    code, lines, err = said(capsys, run, str(photos))
    assert (code, err) == (0, "")
    names = ["a.PNG", "b.jpg", "in/[1].jpg", "in/a.png", "in/deep/z.webp"]
    assert [file for file, _ in lines] == [str(photos / name) for name in names]
    assert all(len(text.split()) == 3 for _, text in lines)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*.jpg", ["b.jpg"]), ("**/*.png", ["in/a.png"]), ("in/[1].jpg", ["in/[1].jpg"]), ("in/*", ["in/[1].jpg", "in/a.png"])],
)  # fmt: skip
def test_a_glob_stands_for_the_files_it_matches(capsys, run, photos, pattern, names):
    code, lines, _ = said(capsys, run, str(photos / pattern))
    assert code == 0
    assert [file for file, _ in lines] == [str(photos / name) for name in names]


def test_what_is_said_does_not_depend_on_the_batch(capsys, run, photos):
    _, together, _ = said(capsys, run, str(photos))
    assert said(capsys, run, str(photos), "--batch_size", "2")[1] == together
    pairs = [(file, checkpoint.load(run).caption([file], num_beams=2, max_length=3)[0]) for file, _ in together]
    assert pairs == together


def test_beams_and_length_are_those_of_the_run_unless_asked(capsys, run, photos):
    assert to_request(decoding_of(photos)) == {"num_beams": 5, "max_length": 20, "length_penalty": 0.7}
    assert to_request(decoding_of(photos.parent / run, num_beams=4)) == {
        "num_beams": 4,
        "max_length": 3,
        "length_penalty": 0.7,
    }
    _, lines, _ = said(capsys, run, str(photos / "b.jpg"), "--max_length", "6")
    assert len(lines[0][1].split()) == 6


def test_every_setting_is_an_option(capsys, run, photos):
    line = [run, str(photos / "b.jpg")]
    options = {
        "num_beams": 4,
        "max_length": 5,
        "length_penalty": 1.0,
        "no_repeat_ngram_size": 1,
        "num_beam_groups": 2,
        "diversity_penalty": 0.5,
    }
    options |= {"precision": "bfloat16"}
    drawn = {"num_beams": 1, "temperature": 1.5, "top_k": 3, "top_p": 0.9, "seed": 7}
    assert options.keys() | drawn.keys() == vars(Decoding()).keys()
    for asked in (options, drawn):
        code, lines, _ = said(
            capsys, *line, *(word for key, value in asked.items() for word in (f"--{key}", str(value)))
        )
        expected = checkpoint.load(run).caption(line[1:], **{"max_length": 3, "length_penalty": 0.7} | asked)
        assert (code, lines) == (0, [(line[1], expected[0])])


@pytest.mark.parametrize("more", [("--batch_size", "1"), ("--batch_size", "2", "--maps", "maps")])
def test_every_batch_is_drawn_anew_and_the_same_command_says_the_same(capsys, run, photos, monkeypatch, more):
    monkeypatch.chdir(photos)
    line = [run, *["b.jpg"] * 3, "--temperature", "1", "--max_length", "5", "--seed", "4", *more]
    _, first, _ = said(capsys, *line)
    assert len(set(first)) == 3
    assert said(capsys, *line)[1] == first
    alone = checkpoint.load(run).caption(["b.jpg"], num_beams=2, temperature=1.0, max_length=5, seed=4)
    assert first[0] == ("b.jpg", alone[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "--precision", "float16"], "float16"),
        (["photos", "--top_k", "3"], "set a temperature"),
        (["photos", "--num_beam_groups", "2"], "groups=2 and diversity_penalty=0.0 belong together"),
        (["empty"], "no image below folder 'empty'"),
        (["*.gif"], "no file matches '*.gif'"),
        (["photos", "--batch_size", "0"], "batch_size=0"),
        (["photos", "--num_beams", "0"], "num_beams=0"),
        (["photos", "--bath", "3"], "unrecognized arguments"),
    ],
)
def test_mistakes_are_one_line(capsys, run, photos, monkeypatch, arguments, message):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    code, lines, err = said(capsys, run, *arguments)
    assert (code, lines) == (2, [])
    assert message in err
    assert err.count("\n") == 1


def test_how_a_model_was_trained_does_not_matter_to_its_captions(tmp_path):
    training = {"epochs": 0, "of_a_later_version": True}
    (tmp_path / REQUEST).write_text(json.dumps({"training": training, "decoding": {"num_beams": 2}}))
    assert decoding_of(tmp_path).num_beams == 2


@pytest.mark.parametrize(
    "request_",
    [
        "{",
        "[]",
        pytest.param("[" * 100_000, id="nested"),
        '{"decoding": {"num_beams": "x"}}',
        '{"decoding": {"width": 2}}',
    ],
)
def test_a_damaged_request_is_one_line(capsys, run, photos, tmp_path, request_):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((photos.parent / run / name).read_bytes())
    (tmp_path / REQUEST).write_text(request_)
    code, _, err = said(capsys, str(tmp_path), str(photos))
    assert code == 2
    assert "cannot read request" in err
    assert err.count("\n") == 1


def test_images_that_cannot_be_read_are_named_and_the_others_captioned(capsys, run, photos):
    (photos / "none.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (photos / "drawing.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    code, lines, err = said(capsys, run, str(photos), str(photos / "gone\n.jpg"))
    assert code == 2
    assert len(lines) == 5
    assert [name in err for name in ("none.jpg", "drawing.jpg", "gone\\n.jpg")] == [True] * 3
    assert err.count("\n") == 3


def test_hostile_names_and_words_stay_in_their_line(capsys, run, photos):
    name = os.fsdecode(b"a\tb\n\xff.jpg")
    (photos / "b.jpg").rename(photos / name)
    code, lines, _ = said(capsys, run, str(photos))
    assert code == 0
    assert len(lines) == 5
    assert str(photos / "a\\tb\\n\\udcff.jpg") in [file for file, _ in lines]
    main(["caption", run, str(photos / name), "--json"])
    assert json.loads(capsys.readouterr().out)["image"] == str(photos / name)


def test_maps_go_to_a_folder_for_each_image(capsys, run, photos, tmp_path):
    _, plain, _ = said(capsys, run, str(photos))
    code, lines, _ = said(capsys, run, str(photos), "--maps", str(tmp_path / "maps"))
    assert (code, lines) == (0, plain)
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["[1]", "a", "a-2", "b", "z"]
    for (file, text), name in zip(lines, ["a", "b", "[1]", "a-2", "z"], strict=True):
        folder = tmp_path / "maps" / name
        assert json.loads((folder / "maps.json").read_text())["caption"] == text, file
        assert (folder / "sheet.png").is_file()
        words = [f"{number:02}-{word}.png" for number, word in enumerate(text.split(), 1)]
        assert sorted(path.name for path in folder.glob("0*")) == words
        assert sorted(path.name for path in (folder / "heads").iterdir()) == words


def test_json_says_where_the_maps_lie(capsys, run, photos, tmp_path):
    assert main(["caption", run, str(photos / "b.jpg"), "--json", "--maps", str(tmp_path / "maps")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"image", "caption", "maps"}
    assert told["maps"] == str(tmp_path / "maps" / "b")


def test_folders_are_unique_whatever_the_stems():
    name = pictures.folders(photos := pictures.Path("out"))
    files = ["a.jpg", "x/a.png", "A.gif", "a-2.jpg", "a.jpg", ".jpg"]
    assert [name(file) for file in files] == [photos / stem for stem in ("a", "a-2", "A-3", "a-2-2", "a-4", "jpg")]
    assert all((place := name(dots)).parent == photos and place.name.strip(".") for dots in ("...jpg", "....png"))


def test_paths_on_stdin_are_any_bytes_and_mix_with_files(capsys, run, photos, monkeypatch):
    first, second = str(photos / "b.jpg"), str(photos / "in" / "a.png")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{second}\r\n\n{first}".encode() + b"\n\xff.jpg\n")))
    code, lines, err = said(capsys, run, first, "-")
    assert code == 2
    assert [file for file, _ in lines] == [first, second, first]
    assert "\\udcff.jpg" in err


def test_stdin_is_streamed_and_json_comes_batch_by_batch(run, photos):
    files = [str(photos / name) for name in ("a.PNG", "b.jpg", "in/a.png")]
    with subprocess.Popen(
        [*LINE, run, "-", "--batch_size", "2", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write("\n".join(files[:2]) + "\n")
        process.stdin.flush()
        first = [json.loads(process.stdout.readline()) for _ in range(2)]  # while stdin is still open
        rest, _ = process.communicate(files[2] + "\n", timeout=120)
    assert process.returncode == 0
    captions = [*first, *map(json.loads, rest.splitlines())]
    assert [caption["image"] for caption in captions] == files
    assert all(set(caption) == {"image", "caption"} for caption in captions)


def test_a_reader_that_has_had_enough_is_no_error(run, photos):
    command = " ".join([*LINE, run, f"'{photos}'", "--batch_size", "1", "--json"])
    line = ["bash", "-o", "pipefail", "-c", f"{command} | head -1"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["image"] == str(photos / "a.PNG")


def test_pictures_are_read_ahead_only_where_nobody_waits_for_a_path(photos):
    asked = []

    def files():
        for name in ("a.PNG", "b.jpg", "in/a.png", "in/[1].jpg"):
            asked.append(name)
            yield str(photos / name)

    for count, ahead in ((None, 2), (4, 4)):
        asked.clear()
        first = next(pictures.batches(pictures.Listed(files(), count), lambda image: image.convert("L"), 2))
        assert len(asked) == ahead
        assert [picture.mode for _, picture in first] == ["L", "L"]
