"""A project with packages or folders of its own called as ours: what works, and what the rest is told, in one line."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from sources import PYTHONPATH

from benchmarks.executors.slurm_job import Job

NAMES = ("benchmarks", "configs", "registry", "tests", "zoo")
COMMAND = "from caption_zoo.command import main; main()"
CONFIG = """
name: tiny
dataset: scenes(train=8, validation=4, test=4)
matrix: {backbone: [patches(dim=8)], attention: [mean], decoder: [lstm(dim=16)]}
metrics: [cider]
training: {epochs: 1, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
USE = "import zoo, benchmarks.data; assert 'scenes' in benchmarks.data.DATASETS and zoo.list_attentions()"
ALIKE = {"benchmarks": "cli/main.py", "registry": "registry.py", "zoo": "captioner.py"}  # ours have files so called too
REQUIRE = "import caption_zoo; caption_zoo.require()\n"
CONTRACT = ("--caption-zoo-contract", "attention mean", "--collect-only")


def project(folder, names=NAMES, how="package"):
    """Fill a folder: with packages, those that have files as ours, modules, or folders that are neither."""
    for name in names:
        if how == "module":
            (folder / f"{name}.py").write_text("MINE = 1\n")
            continue
        (folder / name).mkdir()
        (folder / name / ("notes.txt" if how == "folder" else "__init__.py")).write_text("MINE = 1\n")
        if how == "alike" and name in ALIKE:
            (folder / name / ALIKE[name]).parent.mkdir(exist_ok=True)
            (folder / name / ALIKE[name]).touch()
    return folder


def python(folder, *words):
    """Run Python there, the folder before all else in its path."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{PYTHONPATH}"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("how", ["package", "alike", "module", "folder"])
def test_the_command_works(tmp_path, how):
    done = python(project(tmp_path, how=how), "-c", COMMAND, "list", "attention")
    assert (done.returncode, done.stderr) == (0, "")
    assert "luong" in done.stdout


def test_the_command_trains_in_processes_of_its_own(tmp_path):
    (project(tmp_path) / "config.yaml").write_text(CONFIG)
    done = python(tmp_path, "-c", COMMAND, "run", "config.yaml", "--cache", "cache")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 cells done" in done.stdout


def test_a_plugin_that_wants_the_projects_own_is_told_whose_it_gets(tmp_path):
    (project(tmp_path) / "plugin.py").write_text("import zoo.animals\n")
    done = python(tmp_path, "-c", COMMAND, "list", "--plugin", "plugin.py")
    assert done.returncode == 2
    assert done.stderr == (
        "caption-zoo: plug-in 'plugin.py' could not be loaded: ModuleNotFoundError: No module named 'zoo.animals'; "
        "zoo is caption-zoo's own package here: one of yours needs another name\n"
    )


@pytest.mark.parametrize(
    ("names", "how", "script"),
    [
        (NAMES, "folder", USE),
        (NAMES, "package", REQUIRE + USE),
        (NAMES, "alike", REQUIRE + USE),
        (NAMES, "module", REQUIRE + USE),
        (NAMES, "package", f"import sys; path = sys.path[:]; del sys.path[:2]\n{REQUIRE}sys.path[:] = path; {USE}"),
        (("benchmarks", "tests", "configs"), "package", "import zoo, benchmarks; zoo.list_decoders(); benchmarks.MINE"),
        (NAMES, "package", "import zoo, registry, benchmarks; zoo.MINE, registry.MINE, benchmarks.MINE"),
    ],
    ids=[
        "folders",
        "packages",
        "packages like ours",
        "modules",
        "a path that changes",
        "one of each",
        "the project's own",
    ],
)
def test_a_script_works(tmp_path, names, how, script):
    done = python(project(tmp_path, names, how), "-c", script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("how", ["package", "alike"])
@pytest.mark.parametrize(
    ("names", "script", "hidden"),
    [
        (("registry",), "import zoo", "registry"),
        (("zoo",), "import benchmarks.data", "zoo"),
        (("registry",), "import benchmarks.data", "registry"),
        (("zoo",), f"import zoo; {REQUIRE}", "zoo"),
    ],
)
def test_a_script_that_would_get_another_package_is_told_so_in_one_line(tmp_path, names, script, hidden, how):
    done = python(project(tmp_path, names, how), "-c", script)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {tmp_path / hidden} ")
    assert f"hides caption-zoo's package {hidden}: rename it" in last


@pytest.mark.parametrize(
    ("stub", "place"),
    [("ModuleType('zoo')", "<module 'zoo'>"), ("ModuleType('zoo'); zoo.__file__ = '/mine/zoo.py'", "/mine/zoo.py")],
)
def test_a_stub_without_a_spec_is_told_in_one_line(tmp_path, stub, place):
    script = f"import sys; from types import ModuleType; zoo = {stub}; sys.modules['zoo'] = zoo\n{COMMAND}"
    done = python(tmp_path, "-c", script, "list")
    assert done.returncode == 2
    assert done.stderr.startswith(f"caption-zoo: {place} is already imported, and hides caption-zoo's package zoo: ")
    assert done.stderr.count("\n") == 1


def test_the_pytest_plugin_leaves_who_asks_for_nothing_alone(tmp_path):
    own = "import benchmarks, registry, tests, zoo\n\ndef test_own(): zoo.MINE\n"
    (project(tmp_path) / "tests" / "test_own.py").write_text(own)
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pytest_plugin_works_where_zoo_and_registry_are_no_packages(tmp_path):
    project(tmp_path, ("benchmarks", "tests", "configs"))
    project(tmp_path, ("zoo", "registry"), "folder")
    (tmp_path / "tests" / "test_own.py").write_text("import benchmarks, tests\n\ndef test_own(): benchmarks.MINE\n")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "respects the mask" in done.stdout


@pytest.mark.parametrize("how", ["package", "alike"])
@pytest.mark.parametrize("name", ["zoo", "registry"])
def test_contracts_beside_tests_that_import_another_are_refused_in_one_line(tmp_path, name, how):
    (project(tmp_path, [name], how) / "test_own.py").write_text(f"import {name}\n\ndef test_own(): {name}.MINE\n")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == (
        f"ERROR: caption-zoo: {tmp_path / name} hides caption-zoo's package {name}: rename it, or keep its folder "
        "out of Python's path; caption-zoo check KIND SPEC --plugin FILE finds its own all the same"
    )


def test_contracts_are_refused_also_where_collecting_puts_another_first(tmp_path):
    """As pytest itself does it, called by its script: the tests' folder comes first when they are collected."""
    (project(tmp_path, ["zoo"]) / "test_own.py").write_text("def test_own(): ...\n")
    code = (
        f"import sys; sys.path[:1] = []; sys.argv = ['pytest', *{CONTRACT!r}]; import pytest; sys.exit(pytest.main())"
    )
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert f"{tmp_path / 'zoo'} hides caption-zoo's package zoo" in done.stderr


def test_a_job_of_slurm_finds_ours(tmp_path):
    (project(tmp_path) / "job.pkl").write_bytes(pickle.dumps(Job(Path("request.pkl"), "0123456789ab")))
    code = "import pickle; job = pickle.load(open('job.pkl', 'rb')); print(type(job).__module__, job._cell)"
    done = python(tmp_path, "-c", code)
    assert done.stdout == "benchmarks.executors.slurm_job 0123456789ab\n", done.stderr
