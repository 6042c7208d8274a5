"""A component written in a notebook's cells or in a script, cut out as the text of a plug-in file.

Other processes cannot import what `__main__` holds, and running a notebook or a script again for one class
would do all else that is in there. So the registration is taken, and of the rest what its names stand for.
"""

import ast
import builtins
import sys
import tokenize
from collections.abc import Mapping, Sequence
from textwrap import shorten
from types import ModuleType
from typing import Any

from registry.errors import RegistryError
from registry.registry import Registry
from registry.statement import Definition, bound_by, dotted_paths, global_names, statements

MAIN = "__main__"
_ELSE = "or write the component in a file of its own"


def plugin_text(registry: Registry[Any], name: str) -> str:
    """The text of a plug-in file that registers `name`, a component of `__main__`, and holds whatever that needs.

    The same definitions give the same text, in whatever order cells ran.

    Raises:
        RegistryError: the cells, or the script, do not show how it came about, or not what a name in it stands for
            now; the message says which.
    """
    return _Cells(_main_texts(), vars(sys.modules[MAIN])).plugin(registry, name)


def _main_texts() -> list[str]:
    """The cells that IPython ran, the latest last, without its magics; or the one text of a script."""
    main = vars(sys.modules[MAIN])
    if "get_ipython" in main:
        return [str(cell) for cell in main.get("_ih", [])]
    if not main.get("__file__"):
        return []
    with tokenize.open(main["__file__"]) as script:  # in the encoding that it declares, and without a byte order mark
        return [script.read()]


class _Cells:
    """The statements of some texts, and by name the latest that stores it; `values` is what names stand for now."""

    def __init__(self, texts: Sequence[str], values: Mapping[str, Any]) -> None:
        self._values = values
        self._statements = [statement for text in texts for statement in statements(text)]
        self._latest = {
            name: at
            for at, statement in enumerate(self._statements)
            for name, depth in statement.stores
            if depth < 2 or not isinstance(values.get(name), ModuleType)  # `torch.backends.x = y` is the process's
        }
        self._imported = dict[str, set[str]]()  # of `import a.b`, which binds a, all that were imported below it
        for statement in self._statements:
            for alias in statement.node.names if isinstance(statement.node, ast.Import) else ():
                if not alias.asname:
                    self._imported.setdefault(bound_by(alias), set()).add(alias.name)

    def plugin(self, registry: Registry[Any], name: str) -> str:
        what, wanted = f"{registry.kind} {name!r}", (id(registry), name)
        root = self._root(wanted)
        if root is None:
            raise RegistryError(
                f"{what} is not found in the cells or the script that ran: register it there by "
                f'@{registry.name}.register("{name}"), outside of loops and magics, {_ELSE}'
            )
        imports, definitions, passed = self._future(root), list[str](), set[int]()

        def add(at: int) -> None:
            passed.add(at)
            text = self._text(at, wanted)
            for used in global_names(text):
                if (other := self._maker(used, what)) is None:
                    continue
                if found := self._import(used, other, text):
                    imports.update(found)
                elif other not in passed:
                    add(other)
            definitions.append(text)

        add(root)
        if isinstance(node := self._statements[root].node, Definition):
            self._maker(node.name, what)  # no statement behind it changes it
        head = f'"""{what[0].upper()}{what[1:]}, cut out of the notebook or script in which it was written."""'
        ordered = sorted(imports, key=lambda line: (not line.startswith("from __future__ "), line))
        return "\n\n\n".join(["\n".join([head, "", *ordered]), *definitions]) + "\n"

    def _root(self, wanted: tuple[int, str]) -> int | None:
        """The latest statement that registers what is wanted."""
        found = (
            at
            for at, statement in enumerate(self._statements)
            if any(self._registered(call) == wanted for call in statement.calls())
        )
        return max(found, default=None)

    def _future(self, root: int) -> set[str]:
        """The imports from __future__ under which `root` was compiled: IPython holds to those of earlier cells."""
        nodes = [statement.node for statement in self._statements[: root + 1]]
        future = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        return {ast.unparse(ast.ImportFrom("__future__", [alias], 0)) for node in future for alias in node.names}

    def _maker(self, name: str, what: str) -> int | None:
        """Which statement binds `name`; None of a builtin, or where nothing does, in here or there."""
        at = self._latest.get(name)
        statement = None if at is None else self._statements[at]
        if statement and name in statement.binds:
            if self._is_outdated(name, statement.node):
                raise RegistryError(
                    f"{what} uses {name!r}, which something has changed since `{_first_line(statement.text())}`: write "
                    f"it as one assignment, outside of functions and magics, {_ELSE}"
                )
            return at
        if statement and (name in self._values or isinstance(statement.node, ast.Delete)):
            raise RegistryError(
                f"{what} uses {name!r}, which `{_first_line(statement.text())}` changes: write it as one assignment or "
                f"definition, outside of loops and branches, {_ELSE}"
            )
        if name in self._values and not hasattr(builtins, name) and not name.startswith("__"):
            raise RegistryError(
                f"{what} uses {name!r}, which no cell's import, definition or assignment makes: write one, outside of "
                f"loops and magics, {_ELSE}"
            )
        return None

    def _is_outdated(self, name: str, node: ast.stmt) -> bool:
        """Whether `node` assigns a literal that is not the value of `name` now."""
        match node:
            case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=ast.expr() as value):
                try:
                    written, now = ast.literal_eval(value), self._values.get(name)
                except (ValueError, TypeError):
                    return False  # no literal
                return type(written) is not type(now) or written != now
        return False

    def _import(self, name: str, at: int, text: str) -> list[str]:
        """The import of `name` alone, where the statement is one, with the submodules that `text` reaches by it."""
        match self._statements[at].node:
            case ast.Import(names=names):
                alias = next(each for each in names if bound_by(each) == name)
                if alias.asname:
                    return [ast.unparse(ast.Import([alias]))]
                below = self._imported[name] & dotted_paths(text)
                deepest = [each for each in below if not any(other.startswith(f"{each}.") for other in below)]
                return [f"import {each}" for each in deepest or [name]]
            case ast.ImportFrom(module=module, names=names, level=level):
                alias = next(each for each in names if bound_by(each) == name)
                return [ast.unparse(ast.ImportFrom(module, [alias], level))]
        return []

    def _text(self, at: int, wanted: tuple[int, str]) -> str:
        """A statement as it was written, but for decorators that register something else."""
        statement = self._statements[at]
        decorators = statement.node.decorator_list if isinstance(statement.node, Definition) else []
        calls = [each for each in decorators if isinstance(each, ast.Call)]
        return statement.text(without=[each for each in calls if self._registered(each) not in (None, wanted)])

    def _registered(self, call: ast.Call) -> tuple[int, str] | None:
        """The identity of the registry, since two are equal that have the same in them, and the name, where `call` is
        ``REGISTRY.register("name")``.
        """
        if isinstance(call.func, ast.Attribute) and call.func.attr == "register":
            given = [*call.args, *(each.value for each in call.keywords)]
            registry, name = self._value(call.func.value), self._value(given[0]) if given else None
            if isinstance(registry, Registry) and isinstance(name, str):
                return id(registry), name
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


def _first_line(text: str) -> str:
    return shorten(text.partition("\n")[0], 60, placeholder=" ...")
