"""What a shell offers after TAB, through argcomplete: commands, options, values and names, and files for all else.

No plug-in on the line is run and no component imported: names are read off their source and off what is installed.
"""

import os
import re
from argparse import Action, ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import argcomplete
from argcomplete.completers import ChoicesCompleter, FilesCompleter

from benchmarks.cli import COMMANDS, kinds, parser_of
from benchmarks.cli.pretrained import PRETRAINED, summaries
from benchmarks.cli.shipped import configs
from benchmarks.runtime.text import plain
from registry import Registry
from zoo.models import names


def autocomplete() -> None:
    """Answer a shell that has set ``_ARGCOMPLETE``, and end the process."""
    point = int(os.environ.get("COMP_POINT", "0"))
    line = _command(os.environ.get("COMP_LINE", "")[:point])
    os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    argcomplete.autocomplete(_parser(line.split()[1:]), always_complete_options=False)


def _command(line: str) -> str:
    """The last command of `line`, without what assigns variables before it: zsh and fish send the whole line."""
    found = re.search(r"(?:[^\s=|;&]*/)?caption-zoo(?=\s)[^|;&]*$", line)
    return found[0] if found else line


def _parser(words: Sequence[str]) -> ArgumentParser:
    """All commands, and what the one that `words` begin with takes."""
    parser = ArgumentParser("caption-zoo")
    parser.add_argument("--version", action="store_true", help="which version this is")
    commands = parser.add_subparsers()
    for name, summary in COMMANDS.items():
        arguments = [_arguments(name, words[1:])] if words[:1] == [name] else []
        commands.add_parser(name, help=summary, parents=arguments, add_help=False)
    return parser


def _arguments(name: str, words: Sequence[str]) -> ArgumentParser:
    module, parser = parser_of(name)
    module.add_arguments(parser, [*words, "--help"])  # as for help, a config may be missing
    registries = kinds()
    for action in parser._actions:
        _complete(action, _values(action, registries))
    if "--config" in parser._option_string_actions:  # which may come first, without its option
        config = ArgumentParser.add_argument(parser, "config file", nargs="?")
        _complete(config, _OrFile([*configs(), *getattr(module, "KINDS", ())]))
    return parser


def _complete(action: Action, completer: Any) -> None:
    """Put it where argcomplete looks for it, in an attribute that argparse's class does not declare."""
    vars(action)["completer"] = completer


class _OrFile(FilesCompleter):
    """Some words, or the name of a file."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__()
        self._words = words

    def __call__(self, prefix: str, **rest: Any) -> list[str]:
        return [*self._words, *super().__call__(prefix, **rest)]


class _Names:
    """The names of a registry; of the one that ``kind`` on the same line says where `kind` is empty."""

    def __init__(self, registries: Mapping[str, Registry[Any]], kind: str = "") -> None:
        self._registries, self._kind = registries, kind

    def __call__(self, *, parsed_args: Any, **_rest: Any) -> Mapping[str, str]:
        """Each name with what it does; what has variants ends with a slash, since one has to follow."""
        kind = self._kind or getattr(parsed_args, "kind", "")
        if kind == PRETRAINED:
            return {name: plain(what) for name, what in summaries().items()}
        components = self._registries[kind].components() if kind in self._registries else ()
        return {
            item.name + ("/" if item.variants else ""): plain(" ".join(item.summary.split())) for item in components
        }


def _choices(words: Iterable[Any]) -> ChoicesCompleter:
    return ChoicesCompleter(dict.fromkeys(map(str, words), ""))


def _values(action: Action, registries: Mapping[str, Registry[Any]]) -> Any:
    """The completer of an argument: its choices, kinds, names of the kind it is called after, or files."""
    if action.choices:
        return _choices(action.choices)
    if action.dest == "config":
        return _OrFile(configs())
    if action.dest == "model":
        return _OrFile(names())
    hint = getattr(action, "_typehint", None)  # where jsonargparse keeps the type of a config's key
    if hint is bool:
        return _choices(("true", "false"))
    if get_origin(hint) is Literal:
        return _choices(get_args(hint))
    if action.dest == "kind":
        return _choices([*registries, PRETRAINED])
    if action.dest == "spec" or action.dest in registries:
        return _Names(registries, "" if action.dest == "spec" else action.dest)
    return FilesCompleter()
