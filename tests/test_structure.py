"""What keeps the code readable, held by machine: short functions, short modules, one top level."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("registry", "zoo", "benchmarks")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
FUNCTION_LINES, MODULE_LINES = 50, 200


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_and_modules_are_short(file):
    text = file.read_text()
    assert text.count("\n") <= MODULE_LINES
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.lineno >= FUNCTION_LINES] == []


def test_every_stage_has_a_room():
    """Nothing lies loose in `benchmarks` but what is asked for, and every room says what it is for."""
    assert {file.name for file in (ROOT / "benchmarks").glob("*.py")} == {"__init__.py", "config.py"}
    rooms = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    assert [room for room in rooms if not (room / "__init__.py").is_file()] == []


def test_attentions_do_not_know_each_other():
    for file in (ROOT / "zoo" / "attention").glob("*.py"):
        imported = [node.module for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [module for module in imported if module.startswith("zoo.attention.")], file


def test_the_wheel_holds_the_packages_whole(tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    source = tmp_path / "source"  # a build leaves things behind
    for name in tracked:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "caption_zoo"}
    ours = {name for name in tracked if name.split("/")[0] in PACKAGES and (ROOT / name).is_file()}
    assert {name.removeprefix("benchmarks/launch/") for name in ours} == set(names)
