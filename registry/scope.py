"""What the names of a module stand for, read off its text."""

import ast
from collections.abc import Iterable, Iterator

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_UNCLEAR = (None, None)


class Scope:
    """The names that importing a module binds: what each stands for, as far as the text tells.

    An address is the dotted path of an object: ``zoo.attention.ATTENTIONS``.
    """

    def __init__(self, tree: ast.Module, module: str, package: str) -> None:
        self._module, self._package = module, package
        self._bound: dict[str, tuple[str | None, str | None]] = {}  # address and string
        for node in statements(tree.body):
            self._read(node)

    def address(self, node: ast.expr) -> str | None:
        """Where the object lies that `node` evaluates to; None where the text does not tell."""
        if isinstance(node, ast.Name):
            return self._bound.get(node.id, _UNCLEAR)[0]
        if isinstance(node, ast.Attribute) and (base := self.address(node.value)):
            return f"{base}.{node.attr}"
        return None

    def string(self, node: ast.expr) -> str | None:
        """The string that `node` evaluates to, if it is made of constants of this module."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._bound.get(name, _UNCLEAR)[1]
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.string(value)
            case ast.JoinedStr(values=parts):
                return self._joined(parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._joined([left, right])
        return None

    def _joined(self, parts: Iterable[ast.expr]) -> str | None:
        texts = [self.string(part) for part in parts]
        return None if None in texts else "".join(filter(None, texts))

    def _read(self, node: ast.stmt) -> None:
        match node:
            case ast.Import(names=names):
                for item in names:
                    top = item.name.partition(".")[0]
                    self._bind(item.asname or top, item.name if item.asname else top)
            case ast.ImportFrom(names=names):
                for item in names:
                    self._bind(item.asname or item.name, f"{self._origin(node)}.{item.name}")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self._assign(name, value)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._bind(name, f"{self._module}.{name}")
            case _:  # what is assigned in a branch, a loop or a tuple
                for part in ast.walk(node):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        self._bind(part.id, None)

    def _assign(self, name: str, value: ast.expr) -> None:
        made_here = isinstance(value, ast.Call) and _called(value.func) == "Registry"
        self._bind(name, f"{self._module}.{name}" if made_here else self.address(value), self.string(value))

    def _bind(self, name: str, address: str | None, string: str | None = None) -> None:
        """Note what `name` is; of one that is bound to different things, nothing is known."""
        new = (address, string)
        self._bound[name] = new if self._bound.get(name, new) == new else _UNCLEAR

    def _origin(self, node: ast.ImportFrom) -> str:
        """The module imported from, in full where it is relative."""
        parents = self._package.split(".")
        above = parents[: len(parents) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement that importing a module may run, those of branches and loops too."""
    for node in body:
        yield node
        if not isinstance(node, _Definition):
            for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                for block in ("body", "orelse", "finalbody"):
                    yield from statements(getattr(part, block, ()))


def _called(node: ast.expr) -> str:
    """The last name of ``Registry``, ``registry.Registry`` or ``Registry[Part]``."""
    return ast.unparse(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]
