"""What a shell offers after TAB: commands, options and names, read off the parsers; files are the shell's own business.

Nothing is imported or run for it: names of components are read off their source and off what is installed.
"""

from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, Literal, get_args, get_origin

from benchmarks.runtime.text import plain
from registry import Registry

SHELLS = ("bash", "zsh", "fish")
_HARMLESS = frozenset(ascii_letters + digits + "_-./+=")
_ONE_OR_MORE = (None, "+", "*")  # what an action's nargs is where a word has to follow

Offer = Mapping[str, str]


def script(shell: str) -> str:
    """What makes `shell` ask ``caption-zoo completion --complete`` whenever TAB is pressed."""
    return (Path(__file__).parent / "shell" / f"caption-zoo.{shell}").read_text(encoding="utf-8")


def offered(parser: ArgumentParser, words: Sequence[str], registries: Mapping[str, Registry[Any]]) -> Offer:
    """What could stand in place of the last of `words`, each with what it means; nothing where only a file can.

    `words` follow the name of the command. bash makes three of ``--option=value``.
    """
    *before, begun = words
    before, begun = [word for word in before if word != "="], begun.removeprefix("=")
    option, equals, _ = begun.partition("=")
    if equals and option in parser._option_string_actions:
        values = _values(parser._option_string_actions[option], {}, registries)
        return {f"{option}={value}": summary for value, summary in values.items()}
    wanted, given = _wanted(parser, before)
    if begun.startswith("-") and not (wanted and wanted.option_strings):
        return _options(parser)
    return _values(wanted, given, registries) if wanted else {}


def lines(offer: Offer, begun: str) -> list[str]:
    """Those that start like `begun`, as ``word<TAB>meaning``.

    A word that a shell could take for more than a word is left out: a name may come from anybody's package.
    """
    return [
        f"{word}\t{plain(' '.join(summary.split()))}"
        for word, summary in offer.items()
        if word.startswith(begun) and _HARMLESS.issuperset(word)
    ]


def _wanted(parser: ArgumentParser, before: Sequence[str]) -> tuple[Action | None, dict[str, str]]:
    """The argument that the next word is for, and the words given so far, by the name of their argument."""
    places = [action for action in parser._actions if not action.option_strings]
    given: dict[str, str] = {}
    waiting: Action | None = None
    for word in before:
        if waiting:
            waiting = None
        elif word.startswith("-"):
            action = parser._option_string_actions.get(word)
            waiting = action if action and action.nargs in _ONE_OR_MORE else None
        elif places:
            given[places[0].dest] = word
            if places[0].nargs not in ("+", "*"):
                places.pop(0)
    return waiting or next(iter(places), None), given


def _values(action: Action, given: Mapping[str, str], registries: Mapping[str, Registry[Any]]) -> Offer:
    """What an argument may be: one of its choices, a kind, or a name of the kind it is called after."""
    hint = getattr(action, "_typehint", None)  # where jsonargparse keeps the type of a config's key
    choices = action.choices or (get_args(hint) if get_origin(hint) is Literal else ())
    if choices or hint is bool:
        return dict.fromkeys(map(str, choices or ("true", "false")), "")
    if action.dest == "kind":
        return dict.fromkeys(registries, "")
    kind = given.get("kind", "") if action.dest == "spec" else action.dest
    return _names(registries[kind]) if kind in registries else {}


def _names(registry: "Registry[Any]") -> Offer:
    """All that is known without an import; what has variants ends where one has to follow."""
    return {item.name + ("/" if item.variants else ""): item.summary for item in registry.components()}


def _options(parser: ArgumentParser) -> Offer:
    return {
        option: action.help or ""
        for action in parser._actions
        for option in action.option_strings
        if action.help != SUPPRESS and option.startswith("--")
    }
