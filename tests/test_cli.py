"""The command line: one clear line and exit code 2 for the user's mistakes, instant help, pipes."""

import os
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from folders import change, coco_folder
from sandbox import calls_here

from benchmarks.cli import doctor
from benchmarks.cli.main import COMMANDS, main
from zoo.registries import ATTENTIONS

CONFIGS = Path(__file__).parents[1] / "configs"
SMALL = ["--dataset", "scenes(train=4, validation=2, test=2)"]


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def mistake(capsys, *arguments):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("caption-zoo: ")
    assert said.err.count("\n") == 1
    return said.err


def config(folder, text):
    file = folder / "config.yaml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rum"], "no command 'rum'. Did you mean 'run'?"),
        (["list", "atention"], "Did you mean 'attention'?"),
        (["list", "--what"], "unrecognized arguments: --what"),
        (["show", "attention", "bahdanu"], "Did you mean 'bahdanau'?"),
        (["check", "attention", "luong(score='x')"], "should be 'dot' or 'general' or 'concat'"),
        (["check", "attention", "luong(scor='dot')"], "Did you mean 'score'?"),
        (["run"], "which config?"),
        (["run", "no-such.yaml"], "no-such.yaml: No such file"),
        (["run", "{quick}", "--attention", "lung", *SMALL], "Did you mean 'luong'?"),
        (["run", "{quick}", "--attention", "mean(", *SMALL], "cannot read component 'mean('"),
        (["run", "{quick}", "--backbone", "timm/resnet5O", *SMALL], "Did you mean 'resnet50'"),
        (["run", "{quick}", "--backbone", "timm", *SMALL], "needs a variant"),
        (["run", "{quick}", "--training.epoch", "3"], "Did you mean 'training.epochs'?"),
        (["run", "{quick}", "--training.epochs", "x"], "training.epochs"),
        (["run", "{quick}", "--training.epochs", "0"], "epochs=0 should be at least 1"),
        (["run", "{quick}", "--seeds", "a"], "whole numbers"),
        (["run", "{quick}", "--dataset", "scene"], "Did you mean 'scenes'?"),
        (["run", "{quick}", "--dataset", "scenes(train=0)"], "train=0"),
        (["run", "{quick}", "--plugin", "none.py"], "no plug-in file 'none.py'"),
        (["run", "{quick}", "--out", "{quick}/below", *SMALL], "cannot write into"),
        (["caption", "no-such-run", "photo.jpg"], "no folder 'no-such-run'"),
        (["score", "none.json", "--references", "none.json"], "none.json"),
        (["leaderboard", "no-such-folder"], "no folder 'no-such-folder'"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(capsys, arguments, said):
    assert said in mistake(capsys, *(word.replace("{quick}", str(CONFIGS / "quickstart.yaml")) for word in arguments))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "dataset: scenes\nmatrix: {backbone: [patches], attention: [mean]}\ntrainin: {epochs: 2}\n",
            "Did you mean 'training'?",
        ),
        (
            "dataset: scenes\nmatrix: {backbone: [patches], attention: [mean]}\ntraining: {epoch: 2}\n",
            "Did you mean 'training.epochs'?",
        ),
        ("dataset: scenes\nmatrix: {backbone: [patches]}\n", "matrix.attention"),
        ("dataset: scenes\nmatrix: {backbone: [patches], attention: []}\n", "the matrix is empty"),
        ("dataset: [\n", "config"),
        ("dataset: !!python/object/apply:os.system ['echo pwned']\n", "config"),
    ],
)
def test_configs_that_are_wrong_say_where(capsys, tmp_path, text, said):
    error = mistake(capsys, "check", config(tmp_path, text))
    assert said in error
    assert "pwned" not in capsys.readouterr().out


def test_coco_that_is_broken_is_refused_before_any_compute(capsys, tmp_path):
    folder = coco_folder(tmp_path / "coco")
    change(folder / "annotations" / "captions_val2017.json", lambda content: content.pop("annotations"))
    assert "captions_val2017.json" in mistake(
        capsys, "run", str(CONFIGS / "coco-sample.yaml"), "--dataset", f"coco(root='{folder}')"
    )


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_config_opens_with_its_command_and_can_run(capsys, tmp_path, file):
    assert f"#   caption-zoo run {file.stem} " in file.read_text().split("name:")[0]
    root = coco_folder(tmp_path / "coco")
    dataset = [] if file.stem == "quickstart" else ["--dataset", f"coco(root='{root}')"]
    if "start_from:" in file.read_text():  # which there is not yet
        assert main(["check", str(file), *dataset]) == 2
        assert "start_from: runs/coco-frozen holds no finished run" in capsys.readouterr().err
        dataset += ["--start-from", ""]
    assert main(["check", str(file), *dataset]) == 0
    assert " 0 cannot" in capsys.readouterr().out


def test_overrides_and_mappings_reach_the_cells(capsys, tmp_path):
    file = config(
        tmp_path,
        "dataset: {name: scenes, train: 4, validation: 2, test: 2}\nmatrix: {backbone: [patches], attention: [{name: luong, score: dot}]}\n",
    )
    assert main(["run", file, "--seeds", "3,4", "--decoder", "lstm(dim=8)", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ", 1)[1] for line in lines[:2]] == [
        f"patches + luong(score='dot') + lstm(dim=8), seed {seed}" for seed in (3, 4)
    ]


def test_check_tells_which_cells_cannot_be_built(capsys):
    assert (
        main(
            [
                "check",
                str(CONFIGS / "quickstart.yaml"),
                *SMALL,
                "--attention",
                "mean",
                "--attention",
                "multihead(num_heads=7)",
            ]
        )
        == 1
    )
    said = capsys.readouterr().out
    assert "REFUSED" in said
    assert "does not divide" in said
    assert "1 cells can run, 1 cannot" in said


def test_list_show_and_check_speak_of_every_kind(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("backbone:", "timm", "bahdanau", "lstm", "coco", "meteor"))
    assert main(["list", "backbone", "--filter", "timm/*lite0*"]) == 0
    assert "timm/tf_efficientnet_lite0" in capsys.readouterr().out
    for kind, name in (
        ("backbone", "timm"),
        ("attention", "luong"),
        ("decoder", "lstm"),
        ("dataset", "coco"),
        ("metric", "cider"),
    ):
        assert main(["show", kind, name]) == 0
    assert "https://arxiv.org/abs/1508.04025" in capsys.readouterr().out
    assert main(["check", "attention", "bahdanau"]) == 0
    assert "BROKEN" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("attention", "mean", ["Size:    0 parameters for queries and features 512 wide"]),
        ("attention", "luong(score='dot')", ["Size:    0 parameters for"]),
        ("decoder", "lstm(dim=8)", [" parameters for 10,000 words, features 2,048 wide and bahdanau"]),
        ("backbone", "patches", ["Size:    49,216 parameters", "images of 64 x 64, as 4 x 4 features 64 wide"]),
        ("backbone", "timm", ["Variants: ", "Size:    by variant"]),
        (
            "backbone",
            "timm/resnet18",
            ["timm/resnet18(", "11,176,512 parameters", "images of 224 x 224, as 7 x 7 features 512 wide"],
        ),
    ],
)
def test_show_tells_how_large_a_part_is(capsys, kind, spec, said):
    assert main(["show", kind, spec]) == 0
    printed = capsys.readouterr().out
    assert [text for text in said if text not in printed] == []


def test_show_says_why_a_size_cannot_be_told(capsys):
    assert main(["show", "attention", "multihead(num_heads=7)"]) == 0
    assert "Size:    unknown: multihead(num_heads=7) does not divide" in capsys.readouterr().out


def test_show_leads_to_the_source_and_sizes_only_models(capsys):
    for kind, name, first in (
        ("attention", "luong", ('@ATTENTIONS.register("luong")', "class Luong(ScoreAttention):")),
        ("metric", "cider", ('@METRICS.register("cider")', "class Cider(PreparedMetric[ReferenceTfidf]):")),
    ):  # Python 3.13 counts from the class and not from its decorator
        assert main(["show", kind, name]) == 0
        said = capsys.readouterr().out
        file, line = said.partition("Source:")[2].split()[0].rsplit(":", 1)
        assert (CONFIGS.parent / file).read_text().splitlines()[int(line) - 1] in first
        assert ("Size:" in said) == (kind == "attention")


def test_a_filter_finds_variants_whatever_it_begins_with(capsys):
    assert main(["list", "backbone", "--filter", "*lite0*"]) == 0
    assert "timm/tf_efficientnet_lite0" in capsys.readouterr().out
    assert main(["list", "--filter", "*lite"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("backbone:\n  efficientnet_lite ")
    assert "A small convolutional network" in said


@pytest.fixture
def broken(monkeypatch):
    """An attention that is advertised and cannot be imported."""
    point = EntryPoint("broken", "no_such_module:thing", ATTENTIONS.group)
    monkeypatch.setitem(vars(ATTENTIONS), "plugins", {"broken": [point]})
    return "attention 'broken' of plug-in no_such_module:thing could not be loaded: ModuleNotFoundError"


def test_a_broken_plugin_is_one_line_of_warning_and_a_mistake_to_use(capsys, broken):
    assert main(["list"]) == 0
    said = capsys.readouterr()
    assert "plug-in no_such_module:thing, broken: there is no module 'no_such_module'" in said.out
    assert said.err == ""
    assert main(["list", "attention", "--filter", "*"]) == 0
    said = capsys.readouterr()
    assert "bahdanau" in said.out
    assert "broken" not in said.out
    assert said.err.startswith(f"caption-zoo: warning: {broken}")
    assert said.err.count("\n") == 1
    assert broken in mistake(capsys, "check", "attention", "broken")


def test_doctor_names_a_broken_plugin(capsys, monkeypatch, broken):
    monkeypatch.setattr(doctor, "_CHECKS", {"plug-ins": doctor._CHECKS["plug-ins"]})
    assert main(["doctor"]) == 0
    said = capsys.readouterr()
    assert "1 of them broken" in said.out
    assert said.err.startswith(f"caption-zoo: warning: {broken}")


def test_other_warnings_stay_as_they_are(capsys, monkeypatch):
    module = ModuleType("benchmarks.cli.list")
    module.add_arguments = lambda parser, argv: argv
    module.main = lambda parser, options: warnings.warn("something else", UserWarning, stacklevel=1) or 0
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.warns(UserWarning, match="something else"):
        assert main(["list"]) == 0
    assert "something else" not in capsys.readouterr().err


def test_doctor_finds_what_runs_need(capsys, monkeypatch):
    for name in ("memory", "disk"):  # of this machine, not of the project
        monkeypatch.delitem(doctor._CHECKS, name)
    assert main(["doctor"]) == 0
    assert "LACK" not in capsys.readouterr().out


SLOW = {
    "torch",
    "timm",
    "torchvision",
    "numpy",
    "PIL",
    "transformers",
    "gradio",
    "onnx",
    "onnxruntime",
    "pytest",
    "tqdm",
}


@pytest.mark.parametrize(
    "calls",
    [
        [["--help"], ["--version"]],
        [
            ["list"],
            *(["list", kind] for kind in ("backbone", "attention", "decoder", "dataset", "metric", "objective")),
        ],
        [[name, "--help"] for name in COMMANDS],
        [["completion", shell] for shell in ("bash", "zsh", "fish")],
    ],
    ids=["help", "list", "help of commands", "scripts"],
)
def test_what_should_be_instant_imports_nothing_slow(calls):
    code = (
        "import sys\nfrom benchmarks.cli.main import main\n"
        f"for arguments in {calls}:\n"
        "    try: code = main(arguments)\n"
        "    except SystemExit as end: code = end.code\n"
        "    assert code == 0, arguments\n"
        f"    assert not {SLOW} & set(sys.modules), arguments"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", ["", "show backbone ", "run --attention "])
def test_completion_imports_nothing_slow(words, tmp_path):
    line = f"caption-zoo {words}"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    code = "from benchmarks.cli.completers import autocomplete; autocomplete()"
    environment = {**os.environ, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "found")}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert (tmp_path / "found").read_text()
    assert not SLOW & imported


def test_help_and_version_need_no_parser():
    code = "import sys\nfrom benchmarks.cli.main import main\nassert main(['--help']) == main(['--version']) == 0\n"
    subprocess.run(
        [sys.executable, "-c", f"{code}assert 'jsonargparse' not in sys.modules"], stdout=subprocess.DEVNULL, check=True
    )


def test_every_command_has_help(capsys):
    for name in COMMANDS:
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        assert end.value.code == 0
        assert f"caption-zoo {name}" in capsys.readouterr().out


def test_a_reader_that_has_had_enough_is_no_error():
    line = f"{sys.executable} -m benchmarks.cli.main list backbone --filter 'timm/*' | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
