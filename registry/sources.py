"""What a folder of modules registers on a registry, read off their text: nothing is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from registry.errors import RegistryError
from registry.scope import Scope, statements

_Target = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class Declaration:
    """A ``@REGISTRY.register("name")`` found in a source file."""

    name: str
    summary: str  # first line of the docstring
    module: str
    variants: bool  # whether it defines them


def declarations(package: str, registry: str) -> list[Declaration]:
    """Every registration in the modules of `package` on its own registry, called `registry` there, by name.

    Only the parents of `package` are imported, to find where it lies. What is registered on
    another registry is left to that one.

    Raises:
        RegistryError: the text does not tell on which registry, or under which name.
    """
    spec = find_spec(package)
    folders = [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]
    items = [item for folder in folders for item in _Folder(folder, package, registry).declarations()]
    return sorted(items, key=lambda item: item.name)


class _Folder:
    """The home of a registry."""

    def __init__(self, folder: Path, package: str, registry: str) -> None:
        self.folder, self.package, self.registry = folder, package, registry
        self.root = folder.parents[package.count(".")]  # where the outermost package lies
        self.scopes: dict[str, Scope | None] = {}
        self.public = f"{package}.{registry}"
        self.address = self.made_at(self.public) or self.public

    def declarations(self) -> Iterator[Declaration]:
        for file in sorted(self.folder.glob("*.py")):
            text = file.read_text(encoding="utf-8")
            if ".register" in text:
                module = self.package if file.stem == "__init__" else f"{self.package}.{file.stem}"
                yield from self._read(file, ast.parse(text), module)

    def made_at(self, address: str, passed: tuple[str, ...] = ()) -> str | None:
        """Where the object at `address` is made, followed through imports inside our package; None where unclear."""
        module, _, name = address.rpartition(".")
        if not module or address in passed:
            return address
        scope = self._scope(module)
        if scope is None:  # of another package, or a module that was imported under another name
            parent = self.made_at(module, (*passed, address))
            moved = parent and parent != module
            return self.made_at(f"{parent}.{name}", (*passed, address)) if moved else parent and address
        origin = scope.address(ast.Name(name))
        return origin and (origin if origin == address else self.made_at(origin, (*passed, address)))

    def _read(self, file: Path, tree: ast.Module, module: str) -> Iterator[Declaration]:
        scope = _scope(file, tree, module)
        for call, target in _calls(tree):
            if self._is_ours(call, scope, file):
                arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
                name = scope.string(arguments[0]) if arguments else None
                if name is None:
                    raise RegistryError(
                        f"{file}:{call.lineno}: the name in {ast.unparse(call)} cannot be read without running it: "
                        "write it as a string, or as a constant of this module"
                    )
                summary = (ast.get_docstring(target) or "").partition("\n")[0] if target else ""
                yield Declaration(name, summary, module, target is not None and _has_variants(target))

    def _is_ours(self, call: ast.Call, scope: Scope, file: Path) -> bool:
        """Whether `call` registers on this registry, and not on another or something else altogether."""
        owner, _, method = (scope.address(call.func) or "").rpartition(".")
        if owner and method != "register":
            return False
        made_at = self.address if owner == self.public else owner and self.made_at(owner)
        if made_at:
            return made_at == self.address
        if owner or (isinstance(call.func, ast.Attribute) and call.func.attr == "register"):
            raise RegistryError(
                f"{file}:{call.lineno}: cannot tell which registry {ast.unparse(call.func)} belongs to: "
                f"write from {self.package} import {self.registry}, and @{self.registry}.register"
            )
        return False

    def _scope(self, module: str) -> Scope | None:
        """The names of a module of our own package; None of any other."""
        if module not in self.scopes:
            path = self.root.joinpath(*module.split("."))
            files = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
            self.scopes[module] = (
                _scope(files[0], ast.parse(files[0].read_text(encoding="utf-8")), module) if files else None
            )
        return self.scopes[module]


def _scope(file: Path, tree: ast.Module, module: str) -> Scope:
    return Scope(tree, module, module if file.stem == "__init__" else module.rpartition(".")[0])


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, _Target | None]]:
    """Every call that decorates a class or function, ``@call``, or is called with one, ``call(thing)``."""
    defined = {node.name: node for node in statements(tree.body) if isinstance(node, _Target)}
    for node in statements(tree.body):
        if isinstance(node, _Target):
            yield from ((call, node) for call in node.decorator_list if isinstance(call, ast.Call))
        elif isinstance(node, ast.Expr | ast.Assign):
            value = node.value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
                thing = value.args[0] if value.args else None
                yield value.func, defined.get(thing.id) if isinstance(thing, ast.Name) else None


def _has_variants(node: _Target) -> bool:
    return any(isinstance(item, ast.FunctionDef) and item.name == "variants" for item in node.body)
