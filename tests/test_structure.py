"""What keeps the code readable, held by machine: short functions, short modules, one top level."""

import ast
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
