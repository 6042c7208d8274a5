"""What leaves the project: a folder that needs nothing else, and graphs that say the same without torch."""

import json
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from records import record
from sources import PYTHONPATH

import zoo
from benchmarks.cli.main import main
from benchmarks.leaderboard.card.markdown import model_card
from registry import load_plugin
from zoo import checkpoint, contracts
from zoo.attention import ATTENTIONS
from zoo.attention.mean import Mean
from zoo.backbones import RANDOM
from zoo.backbones.efficientnet_lite import EfficientNetLite
from zoo.decoders.lstm import LSTM
from zoo.export.graphs import DecoderStep, Encoder, flat
from zoo.registries import DECODERS
from zoo.vocabulary import END

ROOT = Path(__file__).parents[1]
GAUSSIAN = ROOT / "docs" / "examples" / "gaussian.py"
WORDS = [*"abcdefgh"]
SMALL = ("patches(dim=8)", "mean", "lstm(dim=8)")
EXPORTED = [("bahdanau(hidden_dim=16)", "lstm(dim=32)"), ("multihead", "transformer(dim=32, num_layers=2)")]
PHOTOS = [Image.effect_noise((50 + 30 * n, 40), 20 + 60 * n).convert("RGB") for n in range(4)]


def model(*parts):
    """Random weights, larger than usual and slow to end: it says something else of each picture."""
    torch.manual_seed(1)
    made = zoo.create_model(*parts, vocabulary=WORDS)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.mul_(2.5)
        made.decoder.bias[END] -= 4
    return made


@pytest.fixture
def plugins(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(ATTENTIONS, "_factories", dict(ATTENTIONS._factories))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("caption_zoo_plugin") or "gaussian" in name:
            del sys.modules[name]


def run_folder(path, made, **request):
    path.mkdir(parents=True)
    checkpoint.save(made, path, weights=RANDOM)
    if request:
        (path / "request.json").write_text(json.dumps(request))
    return path


@pytest.mark.parametrize("parts", [("efficientnet_lite", "mean", "lstm(dim=8)"), SMALL], ids=["frozen", "trainable"])
def test_a_saved_model_comes_back_without_the_source_of_its_weights(tmp_path, monkeypatch, parts):
    made = model(*parts)
    made.save_pretrained(tmp_path / "new" / "model")
    monkeypatch.setattr(EfficientNetLite, "load_pretrained", lambda self: pytest.fail("asks for weights"))
    again = zoo.from_pretrained(tmp_path / "new" / "model")
    assert again.caption(PHOTOS, num_beams=3) == made.caption(PHOTOS, num_beams=3)
    assert again.backbone_weights == made.backbone_weights
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in made.state_dict().items())
    again.save_pretrained(tmp_path / "again")
    for file in (tmp_path / "new" / "model").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


class Tied(LSTM):
    def __init__(self, *sizes):
        super().__init__(*sizes, dim=32)
        self.words = self.embed


def test_tied_weights_are_stored_and_stay_tied(tmp_path, monkeypatch):
    monkeypatch.setitem(DECODERS._factories, "tied", Tied)
    assert dict(contracts.check("decoder", "tied"))["can be saved and loaded"] is None
    made = model("patches(dim=8)", "mean", "tied")
    made.save_pretrained(tmp_path / "model")
    again = zoo.from_pretrained(tmp_path / "model")
    assert again.caption(PHOTOS, num_beams=2) == made.caption(PHOTOS, num_beams=2)
    assert again.decoder.words.weight is again.decoder.embed.weight


def test_a_plugged_in_part_comes_back_with_its_file(tmp_path, plugins, capsys):
    load_plugin(GAUSSIAN)
    run = run_folder(tmp_path / "run", made := model("patches(dim=8)", "gaussian", "lstm(dim=8)"))
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--plugin", str(GAUSSIAN)]) == 0
    assert zoo.from_pretrained(tmp_path / "out").caption(PHOTOS) == made.caption(PHOTOS)
    assert "gaussian" in (tmp_path / "out" / "README.md").read_text()
    assert "all weights are in it" in capsys.readouterr().out


def test_the_weights_can_be_read_without_our_code(tmp_path):
    made = model(*SMALL)
    made.save_pretrained(tmp_path / "model")
    content = (tmp_path / "model" / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    assert set(header) == set(made.state_dict())
    for name, tensor in made.state_dict().items():
        start, end = header[name]["data_offsets"]
        found = np.frombuffer(content[8 + length :][start:end], dtype=np.float32).reshape(header[name]["shape"])
        assert np.array_equal(found, tensor.numpy()), name


def test_a_folder_that_holds_something_is_left_alone(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match="is there already: name another folder"):
        model(*SMALL).save_pretrained(tmp_path / "full")
    run = run_folder(tmp_path / "run", model(*SMALL))
    for kind in ("huggingface", "onnx"):
        assert main(["export", str(run), "--out", str(tmp_path / "full"), "--format", kind]) == 2
    assert [line.count("name another folder") for line in capsys.readouterr().err.splitlines()] == [1, 1]
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["diary.txt"]
    (tmp_path / "empty").mkdir()
    model(*SMALL).save_pretrained(tmp_path / "empty")
    assert (tmp_path / "empty" / "config.json").is_file()


def test_a_disk_that_fills_leaves_no_half_a_model(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    made = model(*SMALL)
    monkeypatch.setattr(os, "fsync", full)
    opened = []
    monkeypatch.setattr(
        os, "open", lambda *given, open=os.open, **more: opened.append(open(*given, **more)) or opened[-1]
    )
    with pytest.raises(OSError, match="No space"):
        made.save_pretrained(tmp_path / "model")
    for handle in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)
    assert opened
    assert list(tmp_path.iterdir()) == []


class Hostile:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize(
    "change",
    [
        {"parts": {"attention": "mean(x=__import__('os').mkdir('MARKER'))"}},
        {"parts": {"backbone": "timm/hf-hub:someone/model"}},
        {"parts": {"backbone": "timm/test_vit(weights='MARKER.pth')"}, "backbone_stored": False},
        {"parts": {"decoder": ["lstm"]}},
        {"parts": "lstm"},
        {"vocabulary": [["<pad>"], {}]},
        {"vocabulary": {"<pad>": 0}},
        {"vocabulary": 5},
        {"format": [2]},
    ],
    ids=str,
)
def test_a_hostile_config_runs_no_code_and_is_refused_in_one_line(tmp_path, change, capsys):
    marker = tmp_path / "marker"
    (tmp_path / "marker.pth").write_bytes(pickle.dumps(Hostile(marker)))
    run = run_folder(tmp_path / "run", model(*SMALL))
    config = json.loads((run / "config.json").read_text())
    parts = change.get("parts", {})
    changed = config | change | ({"parts": config["parts"] | parts} if isinstance(parts, dict) else {})
    (run / "config.json").write_text(json.dumps(changed).replace("MARKER", str(marker)))
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


def test_a_run_takes_its_scores_and_its_search_along(tmp_path, capsys):
    made = model(*SMALL)
    run = run_folder(tmp_path / "run", made, decoding={"num_beams": 2, "max_length": 3, "length_penalty": 0.0})
    record(parts=made.parts.as_dict()).save(run)
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    assert (front["library_name"], front["pipeline_tag"]) == ("caption-zoo", "image-to-text")
    metrics = {entry["type"]: entry["value"] for entry in front["model-index"][0]["results"][0]["metrics"]}
    assert metrics["cider"] == pytest.approx(100 * record(parts=made.parts.as_dict()).scores["CIDEr"], abs=0.06)
    PHOTOS[0].save(tmp_path / "photo.png")
    capsys.readouterr()
    for folder in (run, tmp_path / "out"):
        assert main(["caption", str(folder), str(tmp_path / "photo.png")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert (
        said[0]
        == said[1]
        == f"{tmp_path / 'photo.png'}\t{made.caption(PHOTOS[:1], num_beams=2, max_length=3, length_penalty=0.0)[0]}"
    )


def test_an_export_is_made_whole_once(tmp_path, monkeypatch):
    run = run_folder(tmp_path / "run", model(*SMALL))
    monkeypatch.setattr(
        "zoo.captioner.atomic_directory", lambda folder: pytest.fail("a hidden folder inside a hidden folder")
    )
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_the_card_claims_no_licence_and_no_scores_that_are_not_there():
    assert "license" not in yaml.safe_load(model_card(record(), {}).split("---\n")[1])
    assert "model-index" not in model_card(record(scores={}), {})


def test_what_a_record_says_stays_text_on_the_card():
    evil = 'x"\n---\nlicense: mit\n# hello <script>`|'
    card = model_card(record(dataset=evil, split=evil, parts={"decoder": evil}, weights=evil, signature=evil), {})
    _, front, *rest = re.split(r"^---$", card, flags=re.MULTILINE)
    found = yaml.safe_load(front)
    assert "license" not in found
    assert (
        found["model-index"][0]["results"][0]["dataset"]["name"]
        == f"{' '.join(evil.split())}, {len(record().captions)} images"
    )
    assert len(rest) == 1
    assert not re.search(r"^# hello", card, re.MULTILINE)


def test_what_the_script_beside_the_graphs_cannot_do_is_refused(tmp_path, capsys):
    run = run_folder(tmp_path / "run", model(*SMALL), decoding={"num_beams": 2, "no_repeat_ngram_size": 3})
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--format", "onnx"]) == 2
    assert "no_repeat_ngram_size=3, which the ONNX script does not support" in capsys.readouterr().err
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("asked", ["{}", "[", '{"decoding": {"num_beams": "5"}}', '{"decoding": {"num_beams": 1.5}}'])
def test_a_request_that_cannot_be_read_is_one_line(tmp_path, asked, capsys):
    run = run_folder(tmp_path / "run", model(*SMALL))
    (run / "request.json").write_text(asked)
    PHOTOS[0].save(tmp_path / "photo.png")
    assert main(["caption", str(run), str(tmp_path / "photo.png")]) == 2
    assert "cannot read request" in capsys.readouterr().err


# ONNX


@pytest.fixture(scope="module", params=EXPORTED, ids=lambda parts: " + ".join(parts))
def exported(request, tmp_path_factory):
    """A model and the folder that the command made of it, in a process of its own."""
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    folder = tmp_path_factory.mktemp("onnx")
    made = model("patches(dim=16)", *request.param)
    run = run_folder(folder / "run", made, decoding={"num_beams": 3, "max_length": 6, "length_penalty": 0.7})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cli.main", "export", str(run), "--out", str(folder / "out"), "--format", "onnx"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"largest difference of a log-probability from torch: \d\.\de-0[4-9]$", done.stdout.strip())
    return made, folder / "out"


def test_the_shipped_script_captions_as_torch_does_and_without_it(exported, tmp_path):
    made, folder = exported
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("torch", "zoo", "timm", "registry", "benchmarks"):
        (blocked / f"{name}.py").write_text("raise ImportError('blocked')")
    away = shutil.copytree(folder, tmp_path / "away")  # it needs nothing that lies elsewhere
    env = os.environ | {"PYTHONPATH": str(blocked)}
    proof = subprocess.run(
        [sys.executable, "-c", "import torch"], env=env, cwd=tmp_path, capture_output=True, check=False
    )
    assert b"blocked" in proof.stderr
    files = []
    for number, photo in enumerate(PHOTOS):
        files.append(str(tmp_path / f"{number}.png"))
        photo.save(files[-1])
    for beams, given in ((1, ["--num_beams", "1"]), (3, [])):
        done = subprocess.run(
            [sys.executable, str(away / "caption.py"), *files, *given],
            env=env, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        ours = made.caption(PHOTOS, num_beams=beams, max_length=6)
        assert [line.split("\t") for line in done.stdout.splitlines()] == [
            list(pair) for pair in zip(files, ours, strict=True)
        ]
        assert len(set(ours)) > 1
    done = subprocess.run(
        [sys.executable, str(away / "caption.py"), "none.png"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_the_shipped_script_goes_on_after_what_cannot_be_read(exported, tmp_path):
    made, folder = exported
    Image.fromarray(np.linspace(0, 65535, 2000).astype(np.uint16).reshape(40, 50)).save(
        tmp_path / "wide.png", transparency=0
    )
    PHOTOS[0].save(tmp_path / "exif.png", exif=b"Exif\0\0no TIFF")
    PHOTOS[1].save(tmp_path / "a\nb.png")
    (tmp_path / "drawing.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "numbers.tif")
    good, bad = ["wide.png", "exif.png", "a\nb.png"], ["drawing.png", "numbers.tif"]
    done = subprocess.run(
        [sys.executable, str(folder / "caption.py"), *bad, *good], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [f"cannot read {name}" for name in bad]
    ours = made.caption([tmp_path / name for name in good], num_beams=3, max_length=6)
    names = ["wide.png", "exif.png", "a\\nb.png"]
    assert done.stdout.splitlines() == [f"{name}\t{text}" for name, text in zip(names, ours, strict=True)]


def test_an_export_draws_the_same_each_time_and_leaves_the_model_as_it_was(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    from zoo.export import onnx

    made, drawn, state = model(*SMALL).train(), [], torch.get_rng_state()
    monkeypatch.setattr(onnx, "_write_graphs", lambda captioner, folder: drawn.append(torch.rand(1).item()))
    monkeypatch.setattr(onnx, "check", lambda captioner, folder: float(captioner.training))
    assert [onnx.export(made, tmp_path, decoding={}) for _ in range(2)] == [0.0, 0.0]
    assert drawn[0] == drawn[1]
    assert made.training
    assert torch.equal(torch.get_rng_state(), state)


def test_the_graphs_tell_no_place_and_the_files_what_is_needed(exported):
    _, folder = exported
    assert {file.name for file in folder.iterdir()} == {"encoder.onnx", "decoder.onnx", "config.json", "vocabulary.json", "caption.py"}  # fmt: skip
    for name in ("encoder.onnx", "decoder.onnx"):
        content = (folder / name).read_bytes()
        assert not [place for place in (str(ROOT), sys.prefix, str(Path.home())) if place.encode() in content]
    config = json.loads((folder / "config.json").read_text())
    assert (config["size"], config["mean"], config["std"], config["interpolation"]) == ([64, 64], [0.5] * 3, [0.5] * 3, "bicubic")  # fmt: skip
    assert json.loads((folder / "vocabulary.json").read_text())[4:] == WORDS


def test_graphs_of_other_weights_are_refused(exported):
    from zoo.export.onnx import check

    made, folder = exported
    check(made, folder)
    other = model("patches(dim=16)", *map(str, list(vars(made.parts).values())[1:]))
    with torch.no_grad():
        other.decoder.bias[5] += 0.01
    with pytest.raises(ValueError, match="says something else in ONNX"):
        check(other, folder)


def test_a_part_that_cannot_be_traced_is_one_line(tmp_path, plugins, capsys):
    pytest.importorskip("onnxscript", reason="needs the extra onnx")

    @ATTENTIONS.register("counts_images")
    class CountsImages(Mean):
        """Reads more where there are more images."""

        def precompute(self, features):
            return super().precompute(features._replace(tokens=features.tokens * int(features.tokens.shape[0])))

    run = run_folder(tmp_path / "run", model("patches(dim=8)", "counts_images", "lstm(dim=8)"))
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--format", "onnx"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "encoder.onnx cannot be made of these parts" in said
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_named(tmp_path, monkeypatch, capsys):
    run = run_folder(tmp_path / "run", model(*SMALL))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--format", "onnx"]) == 2
    assert "pip install onnx onnxscript onnxruntime" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "onnxruntime")
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('a library is\\nmissing')")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--format", "onnx"]) == 2
    assert "(a library is missing): pip install onnx onnxscript onnxruntime" in capsys.readouterr().err


# torch.export and torch.compile


def steps(made):
    """The step, what it is given, and what it should give, at a size and at another."""
    step = None
    for images, beams in ((2, 3), (4, 1)):
        pixels = torch.randint(256, (images, 3, 64, 64), dtype=torch.uint8)
        begun, state = made.decoder.init_state(made.encode(made.backbone.preprocess.normalize(pixels)))
        step, memory = step or DecoderStep(made.decoder, begun, state).eval(), flat(begun)
        state = tuple(tensor.expand(-1, beams, *tensor.shape[2:]).contiguous() for tensor in state)
        words = torch.randint(len(WORDS), (images, beams))
        for _ in range(2):
            _, state, grown = step(words, memory, state)
            memory = step.update_memory(memory, grown)
        yield step, pixels, (words, memory, state)


@torch.no_grad()
def trace(*parts):
    """Trace encoder and step at one size, and compare them at another."""
    images, beams, past = (torch.export.Dim(name) for name in ("images", "beams", "past"))
    made = model("patches(dim=16)", *parts)
    (step, pixels, given), (_, other_pixels, other) = steps(made)
    memory = tuple({0: images} | ({1: past} if place in step.grows else {}) for place in range(len(given[1])))
    state = tuple({0: images, 1: beams} | ({2: past} if step.grows else {}) for _ in given[2])
    dynamic = ({0: images, 1: beams}, memory, state)
    traced = torch.export.export(step, given, dynamic_shapes=dynamic).module()
    torch.testing.assert_close(traced(*other)[0], step(*other)[0])
    encoder = Encoder(made).eval()
    traced = torch.export.export(encoder, (pixels,), dynamic_shapes=({0: images},)).module()
    torch.testing.assert_close(traced(other_pixels)[0], encoder(other_pixels)[0])


@pytest.mark.parametrize("parts", EXPORTED, ids=" + ".join)
def test_encoder_and_step_go_through_torch_export_at_any_size(parts):
    """In a process of its own: the types that are checked here know no sizes that stand for any."""
    code = f"import test_export; test_export.trace(*{parts!r}); print('the same')"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([PYTHONPATH, str(ROOT / "tests")])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "the same\n", done.stderr


@pytest.mark.compiles
@pytest.mark.parametrize("parts", EXPORTED, ids=" + ".join)
def test_a_compiled_decoder_says_the_same(parts):
    made = model("patches(dim=16)", *parts)
    said = made.caption(PHOTOS, num_beams=3)
    made.decoder.compile(dynamic=True)
    assert made.caption(PHOTOS, num_beams=3) == said
