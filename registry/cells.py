"""A component written in a notebook's cells or in a script, cut out as the text of a plug-in file.

Other processes cannot import what `__main__` holds, and running a notebook or a script again for one class
would do all else that is in there. So the registration is taken, and of the rest what its names stand for.
"""

import ast
import builtins
import symtable
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.errors import RegistryError
from registry.registry import Registry

MAIN = "__main__"
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def plugin_text(registry: Registry[Any], name: str) -> str:
    """The text of a plug-in file that registers `name`, a component of `__main__`, and holds whatever that needs.

    The same definitions give the same text, in whatever order cells ran.

    Raises:
        RegistryError: the cells, or the script, do not show how it came about; the message says what is missing.
    """
    return _Cells(_main_texts(), vars(sys.modules[MAIN])).plugin(registry, name)


def _main_texts() -> list[str]:
    """The cells that IPython ran, the latest last, without its magics; or the one text of a script."""
    main = vars(sys.modules[MAIN])
    if "get_ipython" in main:
        return [str(cell) for cell in main.get("_ih", [])]
    file = main.get("__file__")
    return [Path(file).read_text(encoding="utf-8")] if file else []


class _Cells:
    """The statements of some texts, and by name the latest that binds it; `values` is what names stand for now."""

    def __init__(self, texts: Sequence[str], values: Mapping[str, Any]) -> None:
        self._values = values
        self._statements = [(node, text) for text in texts for node in _statements(text)]
        self._bound = {name: at for at, (node, _) in enumerate(self._statements) for name in _binds(node)}
        self._imported = dict[str, set[str]]()  # of `import a.b`, which binds a, all that were imported below it
        for node, _ in self._statements:
            for alias in node.names if isinstance(node, ast.Import) else ():
                if not alias.asname:
                    self._imported.setdefault(alias.name.partition(".")[0], set()).add(alias.name)

    def plugin(self, registry: Registry[Any], name: str) -> str:
        what = f"{registry.kind} {name!r}"
        roots = [
            at
            for at, (node, _) in enumerate(self._statements)
            if any(self._registered(call) == (registry, name) for call in _calls(node))
        ]
        if not roots:
            raise RegistryError(
                f"{what} is not found in the cells or the script that ran: register it there by "
                f'@{registry.name}.register("{name}"), outside of loops and magics, or write it in a file of its own'
            )
        imports, definitions, passed = set[str](), list[str](), set[int]()

        def add(at: int) -> None:
            passed.add(at)
            text = self._text(at, (registry, name))
            for used in _globals(text):
                if (other := self._maker(used, what)) is None:
                    continue
                if found := self._import(used, other):
                    imports.update(found)
                elif other not in passed:
                    add(other)
            definitions.append(text)

        add(roots[-1])
        head = f'"""{what[0].upper()}{what[1:]}, cut out of the notebook or script in which it was written."""'
        return "\n\n\n".join(["\n".join([head, "", *sorted(imports)]), *definitions]) + "\n"

    def _maker(self, name: str, what: str) -> int | None:
        """Which statement binds `name`; None of a builtin, or where nothing does, in here or there."""
        if name in self._bound:
            return self._bound[name]
        if name in self._values and not hasattr(builtins, name) and not name.startswith("__"):
            raise RegistryError(
                f"{what} uses {name!r}, which no cell's import, definition or assignment makes: write one, outside of "
                "loops and magics, or write the component in a file of its own"
            )
        return None

    def _import(self, name: str, at: int) -> list[str]:
        """The import of `name` alone, where the statement is one."""
        match self._statements[at][0]:
            case ast.Import(names=names):
                alias = next(each for each in names if _bound_by(each) == name)
                if alias.asname:
                    return [ast.unparse(ast.Import([alias]))]
                return [f"import {each}" for each in self._imported[name]]
            case ast.ImportFrom(module=module, names=names, level=level):
                alias = next(each for each in names if _bound_by(each) == name)
                return [ast.unparse(ast.ImportFrom(module, [alias], level))]
        return []

    def _text(self, at: int, wanted: tuple[Registry[Any], str]) -> str:
        """A statement as it was written, but for decorators that register something else."""
        node, text = self._statements[at]
        lines = text.splitlines()
        decorators = node.decorator_list if isinstance(node, _Definition) else []
        first = min([node.lineno, *(each.lineno for each in decorators)])
        others = {
            line
            for each in decorators
            if isinstance(each, ast.Call) and self._registered(each) not in (None, wanted)
            for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
        }
        last = node.end_lineno or node.lineno
        return "\n".join(lines[line - 1] for line in range(first, last + 1) if line not in others)

    def _registered(self, call: ast.Call) -> tuple[Registry[Any], str] | None:
        """The registry and the name where `call` is ``REGISTRY.register("name")``."""
        if isinstance(call.func, ast.Attribute) and call.func.attr == "register":
            given = [*call.args, *(each.value for each in call.keywords)]
            registry, name = self._value(call.func.value), self._value(given[0]) if given else None
            if isinstance(registry, Registry) and isinstance(name, str):
                return registry, name
        return None

    def _value(self, node: ast.expr) -> Any:
        """What a constant, a name or a name's attribute is now; None of all else."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._values.get(name)
            case ast.Attribute(value=value, attr=name):
                return getattr(self._value(value), name, None)
        return None


def _statements(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except SyntaxError:  # a cell that never ran
        return []


def _binds(node: ast.stmt) -> Iterator[str]:
    """The names that an import, a definition or an assignment binds; none of other statements."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from map(_bound_by, names)
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign() | ast.AnnAssign():
            found = (each for each in ast.walk(node) if isinstance(each, ast.Name))
            yield from (each.id for each in found if isinstance(each.ctx, ast.Store))


def _bound_by(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _calls(node: ast.stmt) -> Iterator[ast.Call]:
    """Calls that decorate a definition, or in a statement that is none itself."""
    if isinstance(node, _Definition):
        yield from (each for each in node.decorator_list if isinstance(each, ast.Call))
    elif isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign):
        yield from (each for each in ast.walk(node) if isinstance(each, ast.Call))


def _globals(text: str) -> list[str]:
    """The names of the module that a statement refers to, those of its functions' bodies too."""
    top = symtable.symtable(text, "<cell>", "exec")
    names = {each.get_name() for each in top.get_symbols() if each.is_referenced()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        names |= {each.get_name() for each in table.get_symbols() if each.is_global() and each.is_referenced()}
        tables += table.get_children()
    return sorted(names)
