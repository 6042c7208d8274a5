"""Pretrained models: packed from a run, scored again, and used by name; and those that come with the package."""

import hashlib
import shutil
import sys
from dataclasses import replace
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from sandbox import calls_here, no_timing, tokenize

import zoo
from benchmarks.cell import pack as packing
from benchmarks.cli.main import main
from benchmarks.cli.place import resolve_model
from benchmarks.features.encode import encode_batches
from benchmarks.plan.start_runs import with_start_runs
from benchmarks.records.record import RunRecord, records
from benchmarks.records.request import identity
from benchmarks.verification.diff import environments
from registry import PluginWarning, entry_points
from zoo import models
from zoo.precision import to_float16

CONFIG = """
name: small
dataset: scenes(train=24, validation=4, test=6)
matrix: {backbone: [patches(dim=8)], attention: [multihead(num_heads=2)], decoder: [lstm(dim=16)]}
metrics: [rouge, cider]
training: {epochs: 2, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
ABOUT = "## Data\n\nScenes that nobody photographed, CC0.\n"
SOURCES = {"attention mean.py": "0" * 16}
MEGABYTES = 8  # of all models that come with the package
BUILTIN = [*models.builtin()]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run, and a folder ``models`` with what `pack` made of it, called drawn."""
    place = tmp_path_factory.mktemp("pretrained")
    (place / "config.yaml").write_text(CONFIG)
    (place / "about.md").write_text(ABOUT)
    with pytest.MonkeyPatch.context() as patch, calls_here():
        patch.setattr("benchmarks.cell.run.measure", no_timing)
        patch.setattr("benchmarks.evaluation.scorer.tokenize", tokenize)
        patch.setattr("benchmarks.runtime.environment.commit", lambda: "0" * 40)
        run = ["run", str(place / "config.yaml"), "--out", str(place / "runs"), "--cache", str(place / "cache")]
        assert main(run) == 0
        (place / "runs").joinpath(next((place / "runs").glob("*/record.json")).parent.name).rename(place / "run")
        more = ["--license", "mit", "--about", str(place / "about.md"), "--cache", str(place / "cache")]
        assert main(["pack", str(place / "run"), "--out", str(place / "models" / "drawn"), *more]) == 0
    return place


@pytest.fixture
def installed(place, monkeypatch, tmp_path):
    """That folder in the place of the package's own, in an empty working folder with a photograph."""
    monkeypatch.setattr(models, "FOLDER", place / "models")
    monkeypatch.setattr(models, "DEFAULT", "drawn")
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "photos/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.effect_noise((40, 30), 80).convert("RGB").save(tmp_path / name)
    return place / "models" / "drawn"


def run_cli(capsys, *arguments):
    """Exit code, stdout and stderr of the command."""
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    return code, *capsys.readouterr()


def pack(place, out, *more, run="run"):
    return "pack", place / run, "--out", out, "--cache", place / "cache", *more


def hashes_of(folder, names):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def advertise(monkeypatch, **values):
    points = [EntryPoint(name, value, models.GROUP) for name, value in values.items()]
    monkeypatch.setattr(entry_points, "_installed", lambda: metadata.EntryPoints(points))


def test_the_weights_are_halves_of_the_runs_and_whole_numbers_again_when_loaded(place, installed):
    stored, whole = load_file(installed / "model.safetensors"), load_file(place / "run" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert stored.keys() == whole.keys()
    loaded = zoo.from_pretrained("drawn").state_dict()
    for name, tensor in stored.items():
        assert torch.equal(tensor, whole[name].half())
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], tensor.float())


def test_record_and_card_are_of_these_weights(place, installed):
    run, record = RunRecord.load(place / "run"), RunRecord.load(installed)
    assert (record.id, record.request, record.curve) == (run.id, run.request, run.curve)
    assert record.environment == {**run.environment, "weights_dtype": "float16"}  # all else is as it was
    assert {file.name for file in installed.iterdir()} == {*record.files, "README.md", "record.json"}
    for name, expected in record.files.items():
        assert hashlib.sha256((installed / name).read_bytes()).hexdigest() == expected
    _, front, card = (installed / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "mit"
    assert ABOUT.strip() in card
    assert f"| CIDEr | {100 * record.scores['CIDEr']:.1f} |" in card
    assert "rounded to float16" in card
    assert 'zoo.from_pretrained("drawn")' in card
    assert "caption-zoo caption drawn photo.jpg" in card


def test_the_record_can_be_checked(place, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.evaluation.scorer.tokenize", tokenize)
    code, out, err = run_cli(capsys, "leaderboard", place / "models", "--check")
    assert (code, err) == (0, "")
    assert "the captions of 1 were scored again" in out


def test_another_precision_is_none_that_records_tell(place, tmp_path, capsys):
    shutil.copytree(place / "models" / "drawn", tmp_path / "drawn")
    record = RunRecord.load(tmp_path / "drawn")
    replace(record, environment={**record.environment, "weights_dtype": "int4"}).save(tmp_path / "drawn")
    code, _, err = run_cli(capsys, "leaderboard", tmp_path, "--check")
    assert code == 1
    assert "'int4' for weights_dtype" in err


def test_scores_are_made_anew_and_not_the_runs(place, tmp_path, monkeypatch, capsys):
    """Planted: rounding that leaves nothing of the decoder."""

    def worse(saved, folder):
        to_float16(saved, folder)
        tensors = load_file(folder / "model.safetensors")
        save_file({name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors")

    monkeypatch.setattr(packing, "to_float16", worse)
    monkeypatch.setattr("benchmarks.evaluation.scorer.tokenize", tokenize)
    code, out, _ = run_cli(capsys, *pack(place, tmp_path / "worse"))
    assert code == 0
    run, record = RunRecord.load(place / "run"), RunRecord.load(tmp_path / "worse")
    assert record.captions != run.captions
    assert record.scores != run.scores
    assert {" ".join(sample["words"]) for sample in record.samples} <= set(record.captions.values())
    differ = sum(record.captions[image] != caption for image, caption in run.captions.items())
    assert f"{differ} of 6 captions differ" in out
    assert f"CIDEr {run.scores['CIDEr']:.4f} -> {record.scores['CIDEr']:.4f}" in out


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("taken", (), "is there already"),
        ("a-b", (), "cannot be called 'a-b'"),
        ("new", ("--dataset", "scenes(train=24, validation=4, test=5)"), "say no more than where it lies"),
        ("new", ("--dataset", "coco(root='x')"), "is not the record's data set"),
        ("new", ("--about", "none.md"), "none.md"),
    ],
)
def test_what_cannot_be_packed_is_refused_in_one_line(place, tmp_path, capsys, monkeypatch, out, more, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary.txt").touch()
    code, stdout, err = run_cli(capsys, *pack(place, out, *more))
    assert (code, stdout, err.count("\n")) == (2, "", 1)
    assert message in err
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_what_is_no_run_as_it_was_is_not_packed(place, tmp_path, capsys):
    """Planted: weights of another run, a request that was edited with its id, a plug-in, and a packed model."""
    for name, message in (
        ("weights", r"model.safetensors of run"),
        ("request", "was edited: its request has the id"),
        ("protocol", "is of protocol 1"),
        ("source", "attention mean.py of caption-zoo: the record's has the hash"),
    ):
        run = tmp_path / name
        shutil.copytree(place / "run", run)
        record = RunRecord.load(run)
        if name == "weights":
            (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:-1] + b"x")
        else:
            changed = {"request": {"seed": 7}, "protocol": {"protocol": 1}, "source": {"sources": SOURCES}}[name]
            request = {**record.request, **changed}
            edited = record.id if name == "request" else identity(request)
            replace(record, id=edited, request=request).save(run)
        code, out, err = run_cli(capsys, *pack(place, tmp_path / "new", run=run))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    code, _, err = run_cli(capsys, *pack(place, tmp_path / "new", run="models/drawn"))
    assert code == 2
    assert "is a packed model: pack the run that it was made of" in err
    assert not (tmp_path / "new").exists()


def test_another_machine_that_scores_is_named(place, tmp_path, monkeypatch, capsys):
    run = RunRecord.load(place / "run")
    here = {**run.environment, "processor": "Another 9000", "commit": "1" * 12}
    here.pop("encoder", None)
    monkeypatch.setattr(packing, "environment", lambda *, java: here)
    monkeypatch.setattr("benchmarks.evaluation.scorer.tokenize", tokenize)
    assert run_cli(capsys, *pack(place, tmp_path / "moved"))[0] == 0
    record = RunRecord.load(tmp_path / "moved")
    assert record.environment["scored"] == {"processor": "Another 9000", "commit": "1" * 12}
    assert {key: record.environment[key] for key in run.environment} == run.environment
    card = (tmp_path / "moved" / "README.md").read_text()
    assert "processor, where it was scored again: `Another 9000`" in card
    assert "commit, where it was scored again" in card
    assert run_cli(capsys, "leaderboard", tmp_path / "moved", "--check")[::2] == (0, "")
    for scored, message in (
        ({"torch": "unknown"}, "where it was scored again, its environment has 'unknown' for torch"),
        ({"commit": "1" * 12 + "+"}, "where it was scored again, it was made with changed files"),
        ({"host": "me"}, "its environment has 'host' for scored"),
        ({"torch": run.environment["torch"]}, "its environment has 'torch' for scored"),
        ({}, "its environment has '{}' for scored"),
    ):
        replace(record, environment={**record.environment, "scored": scored}).save(tmp_path / "moved")
        code, _, err = run_cli(capsys, "leaderboard", tmp_path / "moved", "--check")
        assert code == 1
        assert message in err
    assert any("'scored'" in line for line in environments(record.environment, run.environment))


def test_the_test_images_alone_are_encoded(place, tmp_path, monkeypatch, capsys):
    encoded = []

    def counting(dataset, examples, *arguments, **options):
        encoded.extend(example.image_id for example in examples)
        return encode_batches(dataset, examples, *arguments, **options)

    monkeypatch.setattr("benchmarks.features.cache.encode_batches", counting)
    monkeypatch.setattr("benchmarks.evaluation.scorer.tokenize", tokenize)
    assert run_cli(capsys, *pack(place, tmp_path / "new"), "--cache", tmp_path / "cache")[0] == 0
    assert sorted(map(str, encoded)) == sorted(RunRecord.load(tmp_path / "new").captions)


def test_a_packed_model_takes_no_runs_place(place, tmp_path, capsys):
    run, packed = RunRecord.load(place / "run"), RunRecord.load(place / "models" / "drawn")
    shutil.copytree(place / "run", tmp_path / "runs" / run.id)
    shutil.copytree(place / "models" / "drawn", tmp_path / "runs" / "drawn")
    assert list(records(tmp_path / "runs")) == [run]
    assert list(records(place / "models" / "drawn")) == [packed]
    assert list(records(place / "models")) == []
    words = zoo.from_pretrained(place / "models" / "drawn").vocabulary
    with pytest.raises(ValueError, match="holds no finished run"):  # a run would have the id of one from its run
        with_start_runs([], place / "models", words)
    assert run_cli(capsys, "leaderboard", tmp_path / "runs", "--check")[::2] == (0, "")
    (tmp_path / "published").mkdir()
    packed_file = tmp_path / "published" / f"{run.id}.json"
    shutil.copy(place / "models" / "drawn" / "record.json", packed_file)
    code, _, err = run_cli(capsys, "leaderboard", tmp_path / "published", "--check")
    assert code == 1
    assert "it is of rounded weights, and lies without them" in err
    shutil.copy(place / "run" / "record.json", packed_file)
    assert run_cli(capsys, "leaderboard", tmp_path / "published", "--check")[0] == 0


def test_reproduce_says_that_the_weights_were_rounded(place, capsys, monkeypatch):
    monkeypatch.chdir(place / "models" / "drawn")
    (line,) = [line for line in Path("README.md").read_text().splitlines() if line.startswith("caption-zoo reproduce")]
    with calls_here():
        code, out, _ = run_cli(capsys, *line.split()[1:], "--dry-run")
        run = run_cli(capsys, "reproduce", place / "run", "--dry-run")
    assert code == run[0] == 0
    assert "whose weights were rounded" in out
    assert "caption-zoo pack runs/reproduced/" in out
    assert "'weights_dtype': 'float16' in the record, None here" in out
    assert "rounded" not in run[1]


@pytest.mark.parametrize("claimed", [False, True])
def test_float16_is_claimed_where_it_is_stored(place, tmp_path, claimed, capsys):
    """Planted: a run with rounded weights that claims none, and a packed model with a whole tensor."""
    folder = tmp_path / "model"
    shutil.copytree(place / "models" / "drawn", folder)
    record = RunRecord.load(folder)
    environment = {key: value for key, value in record.environment.items() if claimed or key != "weights_dtype"}
    if claimed:
        tensors = load_file(folder / "model.safetensors")
        name = sorted(tensors)[0]
        save_file({**tensors, name: tensors[name].float()}, folder / "model.safetensors")
    replace(record, environment=environment, files=hashes_of(folder, record.files)).save(folder)
    code, _, err = run_cli(capsys, "leaderboard", folder, "--check")
    assert code == 1
    assert ("is not in float16, as its environment says" if claimed else "its environment says otherwise") in err


@pytest.mark.parametrize("before", [0.0, float("inf")])
def test_what_float16_cannot_hold_is_refused(place, tmp_path, before):
    shutil.copytree(place / "run", tmp_path / "run")
    tensors = load_file(tmp_path / "run" / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name].view(-1)[1] = before
    save_file(tensors, tmp_path / "run" / "model.safetensors")
    to_float16(tmp_path / "run", tmp_path / "whole")
    tensors[name].view(-1)[0] = 7e4
    save_file(tensors, tmp_path / "run" / "model.safetensors")
    with pytest.raises(ValueError, match=f"{name}.* has numbers above 65,504"):
        to_float16(tmp_path / "run", tmp_path / "half")


def test_a_model_goes_by_its_name(place, installed, monkeypatch):
    assert zoo.list_pretrained() == zoo.list_pretrained("dr*") == ["drawn"]
    assert zoo.list_pretrained("*x*") == []
    model = zoo.from_pretrained("drawn")
    assert model.source == "drawn"
    assert model.caption(["photo.jpg"]) == zoo.from_pretrained(installed).caption(["photo.jpg"])
    with pytest.raises(
        ValueError, match=r"^no folder 'drown', and no pretrained model 'drown'\. Did you mean 'drawn'\?"
    ):
        zoo.from_pretrained("drown")
    with pytest.raises(ValueError, match=r"^no folder 'drawn'$"):
        zoo.from_pretrained(Path("drawn"))
    with pytest.raises(ValueError, match="revision='main' is of the Hub, and 'drawn' is not"):
        zoo.from_pretrained("drawn", revision="main")


def test_a_folder_of_its_name_comes_first_and_an_empty_one_is_refused(place, installed, tmp_path, capsys):
    (tmp_path / "drawn").mkdir()
    with pytest.raises(ValueError, match="'drawn' is a folder or file here that holds no captioner, and hides"):
        zoo.from_pretrained("drawn")
    code, _, err = run_cli(capsys, "caption", "drawn", "photo.jpg")
    assert (code, err.count("\n")) == (2, 1)
    assert "hides the pretrained model" in err
    assert run_cli(capsys, "caption", "photo.jpg")[0] == 0
    shutil.copytree(place / "run", tmp_path / "drawn", dirs_exist_ok=True)
    loaded, own = zoo.from_pretrained("drawn").state_dict(), load_file(place / "run" / "model.safetensors")
    assert all(torch.equal(loaded[name], own[name]) for name in own)


def test_other_packages_have_models_too(place, installed, tmp_path, monkeypatch, capsys):
    (tmp_path / "lab_models").mkdir()
    shutil.copytree(installed, tmp_path / "lab_models" / "theirs")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    advertise(monkeypatch, theirs="lab_models.theirs", broken="lab_models.none", lost="no_such_lab.models")
    assert zoo.list_pretrained() == ["broken", "drawn", "lost", "theirs"]
    assert "lab_models" not in sys.modules
    assert zoo.from_pretrained("theirs").source == "theirs"
    for name in ("broken", "lost"):
        with pytest.raises(ValueError, match=rf"{name}' of \S+ is not there: no config.json"):
            zoo.from_pretrained(name)
    code, out, err = run_cli(capsys, "list", "pretrained")
    assert (code, err, len(out.splitlines())) == (0, "", 4)
    assert "broken: pretrained model 'lost'" in out
    advertise(monkeypatch, drawn="lab_models.theirs")
    with pytest.raises(ValueError, match=r"'drawn' is in caption-zoo and in lab_models\.theirs: uninstall one"):
        zoo.from_pretrained("drawn")


def test_a_photograph_is_captioned_without_a_run(place, installed, tmp_path, capsys):
    model = zoo.from_pretrained("drawn")
    expected = {file: model.caption([file], num_beams=2, max_length=8)[0] for file in ("photo.jpg", "photos/a.png")}
    first, both = ("photo.jpg",), ("photo.jpg", "photos/a.png")
    for words, files in (
        (first, first),
        (both, both),
        (("photos",), both[1:]),
        (("photos", "photo.jpg"), both[::-1]),
        (("*.jpg",), first),
        (("--num_beams", "2", "photo.jpg"), first),
        (("drawn", "--num_beams", "2", "photo.jpg"), first),
        (("drawn", "photo.jpg"), first),
        ((str(installed), "photo.jpg", "photos"), both),
    ):
        code, out, err = run_cli(capsys, "caption", *words)
        named = {"drawn", str(installed)} & set(words)
        assert (code, err) == (0, "" if named else "caption-zoo: note: no model is named, so it is drawn\n")
        assert out == "".join(f"{file}\t{expected[file]}\n" for file in files)
    for name in ("photos", ".hidden"):  # an album's own config, and a model that is hidden: both are images
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "config.json").write_text('{"title": "Album"}')
        shutil.copy("photo.jpg", tmp_path / name / "a.png")
    shutil.copy(installed / "config.json", ".hidden")
    (tmp_path / "photos" / ".cache").mkdir()
    shutil.copy(installed / "config.json", "photos/.cache")
    for name in ("photos", ".hidden"):
        code, out, _ = run_cli(capsys, "caption", name, "photo.jpg")
        assert code == 0
        assert [line.split("\t")[0] for line in out.splitlines()] == [f"{name}/a.png", "photo.jpg"]
    run = zoo.from_pretrained(place / "run").caption(["photo.jpg"], num_beams=2, max_length=8)
    assert run_cli(capsys, "caption", place / "run", "photo.jpg")[1] == f"photo.jpg\t{run[0]}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("drawn",), "which images? 'drawn' is no image"),
        (("", "photo.jpg"), "the first word is empty"),
        (("foto",), "which images? 'foto' is no image"),
        (("none.jpg",), "cannot read image none.jpg"),
        (("drown", "photo.jpg"), "no pretrained model 'drown'. Did you mean 'drawn'?"),
        (("photo.jpg", "--revision", "main"), "--revision main is of a model of the Hub"),
        (("runs", "photo.jpg"), "'runs' is no run, it holds runs: runs/ID"),
        (("runs/ID/config.json", "photo.jpg"), "is a file: name the folder of a run, runs/ID"),
        (("failed", "photo.jpg"), "no captioner in 'failed'"),
    ],
)
def test_mistakes_of_which_model_and_which_images_are_one_line(place, installed, tmp_path, capsys, words, message):
    shutil.copytree(place / "run", tmp_path / "runs" / "ID")
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "record.json").touch()
    code, out, err = run_cli(capsys, "caption", *words)
    *notes, mistake = err.splitlines()
    assert (code, out) == (2, "")
    assert notes in ([], ["caption-zoo: note: no model is named, so it is drawn"])
    assert message in mistake


def test_models_are_listed_with_their_score_and_shown_by_their_card(installed, capsys):
    record = RunRecord.load(installed)
    line = f"multihead(num_heads=2) + lstm(dim=16); CIDEr {100 * record.scores['CIDEr']:.1f} on 6 images of {record.dataset}, test"
    code, out, _ = run_cli(capsys, "list", "pretrained")
    assert code == 0
    assert out == f"drawn  patches(dim=8) + {line}\n"
    assert "pretrained:\n  drawn" in run_cli(capsys, "list")[1]
    code, out, _ = run_cli(capsys, "show", "pretrained", "drawn")
    assert out.startswith("# `patches(dim=8)")
    assert out.rstrip("\n") in (installed / "README.md").read_text().replace("\u2009", " ")
    code, _, err = run_cli(capsys, "show", "pretrained", "drown")
    assert (code, err.count("\n")) == (2, 1)
    assert "Did you mean 'drawn'?" in err


def test_an_unset_variable_is_no_default(installed, tmp_path, capsys):
    with pytest.raises(ValueError, match="the name of the model is empty"):  # what `demo` asks for its page
        resolve_model("", None)
    code, out, err = run_cli(capsys, "export", "", "--out", "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the name of the model is empty" in err
    assert not (tmp_path / "out").exists()


def test_one_broken_distribution_hides_no_other(installed, tmp_path, monkeypatch, capsys):
    """Planted: a package that ends the process when it is imported, one whose look-up does, and an empty record."""

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "exits_when_sought":
                raise SystemExit(3)

    for name in ("exits", "partless"):
        shutil.copytree(installed, tmp_path / name / "models" / "one")
        (tmp_path / name / "__init__.py").write_text("raise SystemExit(3)")
        (tmp_path / name / "models" / "__init__.py").write_text("raise SystemExit(3)")
    replace(RunRecord.load(installed), parts={}).save(tmp_path / "partless" / "models" / "one")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    values = {"a": "exits.models.one", "b": "exits_when_sought.one", "c": "partless.models.one:it", "d": ":it"}
    advertise(monkeypatch, **values)
    code, out, err = run_cli(capsys, "list", "pretrained")
    assert (code, err, [line.split()[0] for line in out.splitlines()]) == (0, "", ["a", "b", "c", "d", "drawn"])
    assert out.count("broken: ") == 2
    assert zoo.from_pretrained("a").source == "a"
    assert zoo.from_pretrained("c").source == "c"
    assert {"exits", "partless"}.isdisjoint(sys.modules)


def test_names_that_cannot_be_are_warned_of_only_where_models_are_listed(place, installed, monkeypatch, capsys):
    monkeypatch.chdir(place)
    advertise(monkeypatch, **{"a-b": "lab.models"})
    assert zoo.from_pretrained("run").source == "run"
    assert zoo.from_pretrained("drawn").source == "drawn"
    with pytest.raises(ValueError, match="no captioner in 'cache'"):
        zoo.from_pretrained("cache")
    with pytest.warns(PluginWarning, match="'a-b' of lab.models is left out"):
        assert zoo.list_pretrained() == ["drawn"]


def test_what_is_being_packed_is_no_model_yet(installed, monkeypatch, tmp_path):
    shutil.copytree(installed, tmp_path / "models" / ".drawn-1a2b.partial")
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    assert zoo.list_pretrained() == []


def test_a_model_is_exported_by_its_name(installed, tmp_path, capsys):
    assert run_cli(capsys, "export", "drawn", "--out", "out")[0] == 0
    _, front, card = Path("out/README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "mit"
    assert ABOUT.strip() in card
    assert Path("out/about.md").read_text().strip() == ABOUT.strip()
    assert "rounded to float16; here they are in float32" in card
    assert run_cli(capsys, "export", "out", "--out", "again")[0] == 0
    _, front, card = Path("again/README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "mit"
    assert ABOUT.strip() in card
    assert zoo.from_pretrained("out").caption(["photo.jpg"]) == zoo.from_pretrained("drawn").caption(["photo.jpg"])


@pytest.mark.parametrize("name", BUILTIN)
def test_what_comes_with_the_package_is_whole(name, capsys):
    folder = models.model_folder(name)
    record, card = RunRecord.load(folder), (folder / "README.md").read_text()
    assert record.environment["weights_dtype"] == "float16"
    assert {file.name for file in folder.iterdir()} == {*record.files, "README.md", "record.json"}
    assert all(tensor.dtype == torch.float16 for tensor in load_file(folder / "model.safetensors").values())
    assert f"| CIDEr | {100 * record.scores['CIDEr']:.1f} |" in card
    for words in ("license:", "COCO Consortium", "CC BY 4.0", "No image"):
        assert words in card
    code, _, err = run_cli(capsys, "leaderboard", folder, "--check")
    assert (code, err) == (0, "")
    (caption,) = zoo.from_pretrained(name).caption([Image.effect_noise((40, 30), 80).convert("RGB")])
    assert len(caption.split()) > 2


def test_all_that_comes_with_the_package_is_small_and_has_the_default():
    files = [file for file in models.FOLDER.rglob("*") if file.is_file() and file.suffix != ".py"]
    assert sum(file.stat().st_size for file in files) <= MEGABYTES * 1e6
    assert models.DEFAULT in BUILTIN
