"""What is built and installed works without a clone: from any folder, and where only that folder can be written."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import zoo
from benchmarks.records.record import records
from zoo.models import DEFAULT

pytest.importorskip("setuptools", "77", reason="the build backend is not installed: pip install 'caption-zoo[test]'")

ROOT = Path(__file__).parents[1]
MODEL = f"zoo/models/{DEFAULT}"
PACKAGES = ("registry", "zoo", "benchmarks", "caption_zoo")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, f'build_{sys.argv[1]}')(sys.argv[2])"
TINY = (
    "--dataset", "scenes(train=8, validation=4, test=4)", "--backbone", "patches(dim=8)", "--decoder", "lstm(dim=16)",
    "--metrics", "[cider]", "--training.epochs", "1", "--training.min_count", "1",
)  # fmt: skip


def tracked():
    """The files of this checkout; a link to a folder is one."""
    words = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if os.path.lexists(ROOT / name)]


def build(what, source, target):
    """Build a wheel or an sdist, and give its file."""
    done = subprocess.run([sys.executable, "-c", BUILD, what, target], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(Path(target).glob("*.whl" if what == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel, and the one that is built of the sdist; with a model as the default, where none is there yet."""
    place = tmp_path_factory.mktemp("built")
    for name in tracked():
        (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / "source" / name, follow_symlinks=False)
    if not (default := place / "source" / MODEL).exists():
        zoo.create_model("patches(dim=8)", "mean", "lstm(dim=8)", vocabulary=[*"abcd"]).save_pretrained(default)
    with tarfile.open(build("sdist", place / "source", place)) as sdist:
        sdist.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # from 3.11.4 on
    (unpacked,) = place.glob("caption_zoo-*/")
    return build("wheel", place / "source", place), build("wheel", unpacked, place / "of-sdist")


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An environment with the wheel of the sdist, and of the tests' one all but caption-zoo."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")  # which passes over the links in there
    install = "install --no-deps --no-index --quiet --disable-pip-version-check"
    subprocess.run([sys.executable, "-m", "pip", "--python", venv, *install.split(), built[1]], check=True)
    return venv, site


@pytest.fixture
def run(installed, tmp_path):
    """Runs a program of the environment in an empty folder; nothing else is written, and there is no home."""
    venv, site = installed
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": "/dev/null/none", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}

    def program(name, *words):
        return subprocess.run(
            [venv / "bin" / name, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    def contents():
        return {path: path.stat().st_mtime_ns for path in site.rglob("*")}

    before = contents()
    for path in before:
        path.chmod(path.stat().st_mode & ~0o222)
    yield program
    assert contents() == before


def test_the_wheels_hold_the_packages_the_configs_the_examples_and_the_models(built):
    ours = {name for name in tracked() if name.split("/")[0] in PACKAGES and (ROOT / name).is_file()}
    ours = {name.removeprefix("benchmarks/launch/") for name in ours}
    ours |= {f"benchmarks/configs/{file.name}" for file in (ROOT / "configs").glob("*.yaml")}
    ours |= {f"benchmarks/examples/{file.name}" for file in (ROOT / "docs" / "examples").iterdir() if file.is_file()}
    ours |= {f"{MODEL}/config.json", f"{MODEL}/model.safetensors"}
    for wheel in built:
        names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
        assert names == ours, wheel


def test_a_config_is_listed_copied_and_found_by_its_name(run, tmp_path):
    listed = run("caption-zoo", "configs")
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines())
    assert set(lines) == {file.stem for file in (ROOT / "configs").glob("*.yaml")}
    assert lines["quickstart"].startswith("Does attention help? ")
    assert run("caption-zoo", "configs", "quickstart").stdout == "quickstart.yaml\n"
    assert (tmp_path / "quickstart.yaml").read_text() == (ROOT / "configs" / "quickstart.yaml").read_text()
    again = run("caption-zoo", "configs", "quickstart")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "quickstart.yaml is there already" in again.stderr
    planned = run("caption-zoo", "run", "quickstart", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.endswith("4 cells\n")


def test_an_attention_of_ones_own_is_in_the_table(run, tmp_path):
    assert run("caption-zoo", "examples", "gaussian.py").returncode == 0
    plugin = ("--plugin", "gaussian.py", "--attention", "gaussian", "--attention", "mean")
    done = run("caption-zoo", "run", "quickstart", *plugin, *TINY, "--cache", "cache")
    assert done.returncode == 0, done.stderr
    done = run("caption-zoo", "leaderboard", "runs")
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "runs" / "leaderboard" / "leaderboard.md").read_text()
    assert "gaussian" in table
    assert [record.done for record in records(tmp_path / "runs")] == [True, True]


def test_one_command_captions_a_photograph_of_ones_own(run, tmp_path):
    Image.effect_noise((60, 40), 90).convert("RGB").save(tmp_path / "photo.jpg")
    done = run("caption-zoo", "caption", "photo.jpg")
    assert (done.returncode, done.stderr) == (0, f"caption-zoo: note: no model is named, so it is {DEFAULT}\n")
    assert done.stdout.startswith("photo.jpg\t")
    listed = run("caption-zoo", "list", "pretrained")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert DEFAULT in listed.stdout.split()
