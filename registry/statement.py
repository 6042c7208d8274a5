"""A statement of a notebook's cell or of a script: what it makes of the module's names, what it uses, its text."""

import ast
import re
import symtable
from collections.abc import Collection, Iterator
from textwrap import indent

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Statement:
    """One of the outermost statements of `text`.

    `stores` has the names of the module that it binds, deletes or assigns into, and how deep: 0 is the name itself,
    1 a part of it as in ``name.part = 3`` or ``name["part"] = 3``. `binds` has those of them whose value it tells
    alone: of an import, a definition, or an assignment that does not read what it assigns.
    """

    def __init__(self, node: ast.stmt, text: str) -> None:
        self.node, self._text = node, text
        inside = list(_outside_functions(node))
        declares = isinstance(node, ast.AnnAssign) and node.value is None
        self.stores = [] if declares else [item for each in inside for item in _stored(each)]
        reads = {each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        makes = isinstance(node, ast.Import | ast.ImportFrom | Definition | ast.Assign | ast.AnnAssign)
        self.binds = {name for name, depth in self.stores if makes and depth == 0 and name not in reads}

    def calls(self) -> Iterator[ast.Call]:
        """Calls that decorate a definition, or in a statement that is none itself."""
        if isinstance(self.node, Definition):
            yield from (each for each in self.node.decorator_list if isinstance(each, ast.Call))
        elif isinstance(self.node, ast.Expr | ast.Assign | ast.AnnAssign):
            yield from (each for each in ast.walk(self.node) if isinstance(each, ast.Call))

    def text(self, without: Collection[ast.expr] = ()) -> str:
        """It as it was written, with the comment behind it, but for the decorators in `without`."""
        lines = self._text.split("\n")
        last = self.node.end_lineno or self.node.lineno
        if isinstance(self.node, Definition):  # it shares no line with others
            first = min([self.node.lineno, *(each.lineno for each in self.node.decorator_list)])
            left_out = {line for each in without for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)}
            return "\n".join(lines[line - 1] for line in range(first, last + 1) if line not in left_out)
        behind = lines[last - 1].encode()[self.node.end_col_offset :].decode().rstrip()
        comment = behind if behind.lstrip().startswith("#") else ""
        return (ast.get_source_segment(self._text, self.node) or "") + comment


def statements(text: str) -> list[Statement]:
    """The outermost statements of `text`; none of a cell that Python cannot read, and so did not run."""
    text = re.sub(r"\r\n?", "\n", text)  # where Python ends a line; str.splitlines does so elsewhere too
    try:
        return [Statement(node, text) for node in ast.parse(text).body]
    except SyntaxError:
        return []


def global_names(text: str) -> list[str]:
    """The names of the module that a statement refers to, those of its functions' bodies too."""
    body = indent(text.replace("\f", ""), " ")  # a form feed would begin the indentation anew
    tables = [symtable.symtable(f"def _():\n{body}", "<cell>", "exec")]  # in a function no comprehension's are global
    names = set[str]()
    while tables:
        table = tables.pop()
        names |= {each.get_name() for each in table.get_symbols() if each.is_global() and each.is_referenced()}
        tables += table.get_children()
    return sorted(names)


def dotted_paths(text: str) -> set[str]:
    """Every ``name.attribute.attribute`` in a statement."""
    return {_dotted(each) for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Attribute)}


def bound_by(alias: ast.alias) -> str:
    """The name that a part of an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all inside it but what has names of its own: bodies of definitions, variables of comprehensions."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        if not isinstance(each, Definition | ast.Lambda):
            own = each.target if isinstance(each, ast.comprehension) else None
            pending += [child for child in ast.iter_child_nodes(each) if child is not own]


def _stored(node: ast.AST) -> Iterator[tuple[str, int]]:
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((bound_by(alias), 0) for alias in names)
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, 0
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, 0
        case ast.MatchMapping(rest=str(name)):
            yield name, 0
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id, 0
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            inner, depth = node.value, 1
            while isinstance(inner, ast.Attribute | ast.Subscript):
                inner, depth = inner.value, depth + 1
            if isinstance(inner, ast.Name):
                yield inner.id, depth


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    return "()"  # a call's result, for example, which is no module
