"""What a folder of modules registers, read off their text: nothing is imported."""

import ast
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Declaration:
    """A ``@REGISTRY.register("name")`` found in a source file."""

    name: str
    summary: str  # first line of the docstring
    module: str
    variants: bool  # whether it defines them


def declarations(package: str) -> list[Declaration]:
    """Every registration in the modules of `package`, sorted by name.

    Only the parents of `package` are imported, to find where it lies.
    """
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.py"))
    found = [item for file in files for item in _read(file, package)]
    return sorted(found, key=lambda item: item.name)


def _read(file: Path, package: str) -> list[Declaration]:
    module = package if file.stem == "__init__" else f"{package}.{file.stem}"
    text = file.read_text(encoding="utf-8")
    if ".register(" not in text:
        return []
    return [
        Declaration(name, (ast.get_docstring(node) or "").partition("\n")[0], module, _has_variants(node))
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for name in _names(node)
    ]


def _has_variants(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return any(isinstance(item, ast.FunctionDef) and item.name == "variants" for item in node.body)


def _names(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    return [
        call.args[0].value
        for call in node.decorator_list
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "register"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]
