"""Somebody else's package, built and installed: its attention is one of ours, its broken parts harm nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forking import caption_zoo

SOURCE = Path(__file__).parent / "third_party"
CONFIG = """
name: third party
dataset: scenes(train=8, validation=4, test=4)
matrix:
  backbone: [patches(dim=16)]
  attention: [nearest(dim=8)]
  decoder: [lstm(dim=16)]
metrics: [cider]
training: {epochs: 1, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
LOST = "attention 'lost' of plug-in caption_zoo_lost:Lost could not be loaded: "
TORN = "attention 'torn' of plug-in caption_zoo_nearest:Torn could not be loaded: "
REMEDY = "; update or uninstall caption-zoo-nearest 1.2"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where the package is installed; nothing is fetched for it."""
    folder = tmp_path_factory.mktemp("third_party")
    shutil.copytree(SOURCE, folder / "source")  # a build leaves things behind
    install = "install -q --no-deps --no-build-isolation --no-index --disable-pip-version-check --target"
    subprocess.run(
        [sys.executable, "-m", "pip", *install.split(), str(folder / "site"), str(folder / "source")],
        check=True,
        capture_output=True,
    )
    return folder / "site"


@pytest.fixture
def call(site, tmp_path):
    """Run Python with the package installed."""

    def python(*arguments, cwd=tmp_path):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(site)},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return python


@pytest.fixture
def command(site, tmp_path):
    """Run a command with the package installed."""

    def words(*words):
        return caption_zoo(*words, folder=tmp_path, environment={**os.environ, "PYTHONPATH": str(site)}).end()

    return words


def test_it_is_listed_without_an_import(call):
    code = (
        "import sys\nfrom benchmarks.cli.main import main\n"
        "assert main(['list', 'attention']) == 0\n"
        "assert not {'torch', 'caption_zoo_nearest'} & set(sys.modules)"
    )
    done, stdout, errors = call("-c", code)
    assert (done, errors) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in stdout.splitlines()}
    assert lines["nearest"] == "plug-in caption_zoo_nearest:Nearest [caption-zoo-nearest 1.2]"
    assert lines["lost"].startswith("plug-in caption_zoo_lost:Lost, broken: there is no module 'caption_zoo_lost' [")
    assert "broken" not in lines["torn"]  # only an import would tell
    assert "bahdanau" in lines


def test_a_filter_names_the_broken_ones_in_a_warning_each(command):
    done, stdout, errors = command("list", "attention", "--filter", "[nlt]*")
    assert done == 0
    assert {"nearest", "luong", "lost"} & {line.split()[0] for line in stdout.splitlines()} == {"nearest", "luong"}
    lost, torn = errors.splitlines()
    assert lost.startswith(f"caption-zoo: warning: {LOST}")
    assert torn.startswith(f"caption-zoo: warning: {TORN}")


def test_it_is_shown_like_ours(command, site):
    done, stdout, errors = command("show", "attention", "nearest")
    assert (done, errors) == (0, "")
    assert stdout.startswith("attention nearest(dim: int = 16)\n\nScores a feature by how near")
    assert f"Size:    {2 * 512 * 16:,} parameters" in stdout
    assert f"Source:  {site / 'caption_zoo_nearest.py'}:8" in stdout
    assert "Origin:  caption-zoo-nearest 1.2" in stdout


def test_it_keeps_the_contracts_as_its_own_tests_find(call, site):
    done, stdout, errors = call("-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", cwd=site.parent / "source")
    assert done == 0, stdout + errors
    for spec in ("nearest", "nearest(dim=4)"):
        assert f"PASSED caption-zoo::attention {spec}::treats images and queries independently" in stdout


def test_the_command_checks_it(command):
    done, stdout, errors = command("check", "attention", "nearest(dim=4)")
    assert (done, errors) == (0, "")
    assert "BROKEN" not in stdout


def test_it_runs_in_a_matrix_and_the_leaderboard_says_whose_it_is(command, tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    done, stdout, errors = command("run", "config.yaml", "--out", "runs", "--cache", "cache")
    assert done == 0, stdout + errors
    assert "1 of 1 cells done" in stdout
    done, _, errors = command("leaderboard", "runs", "--out", "page")
    assert (done, errors) == (0, "")
    for page in ("index.html", "leaderboard.md", "leaderboard.csv"):
        assert "caption-zoo-nearest 1.2" in (tmp_path / "page" / page).read_text(), page


@pytest.mark.parametrize(
    ("word", "name", "message"),
    [("show", "lost", f"{LOST}ModuleNotFoundError"), ("check", "torn", f"{TORN}AttributeError")],
    ids=["lost", "torn"],
)
def test_a_broken_one_is_a_mistake_only_for_who_asks_for_it(command, word, name, message):
    done, printed, errors = command(word, "attention", name)
    assert (done, printed) == (2, "")
    assert errors.startswith(f"caption-zoo: {message}")
    assert errors.endswith(f"{REMEDY}\n")
    assert errors.count("\n") == 1


def test_doctor_warns_of_the_broken_ones_and_finds_nothing_lacking(call):
    code = (
        "from benchmarks.cli.main import main\nfrom benchmarks.cli import doctor\n"
        "doctor._CHECKS = {'plug-ins': doctor._CHECKS['plug-ins']}\n"
        "assert main(['doctor']) == 0"
    )
    done, stdout, errors = call("-c", code)
    assert (done, stdout) == (0, "ok   plug-ins   3 installed, 2 of them broken\n")
    assert [
        line.startswith(f"caption-zoo: warning: {why}")
        for line, why in zip(errors.splitlines(), (LOST, TORN), strict=True)
    ]
    assert errors.count(REMEDY) == 2
