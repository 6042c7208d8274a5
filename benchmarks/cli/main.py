"""The command line.

Exit codes: 0 done, 1 some cells failed, 2 the user's mistake, 3 storage cannot take what is written, 130 interrupted,
143 stopped by SIGTERM; of each but the first two one line tells more.
"""

import difflib
import os
import re
import sys
import warnings
from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

from benchmarks.cli import COMMANDS, parser_of
from benchmarks.runtime.stopping import Stopped
from benchmarks.runtime.storage import StorageError

_LONGEST = 2000  # characters of a line that says what is wrong, some of which come from files

_show_others = warnings.showwarning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if argv[:1] == ["--version"]:
        from importlib.metadata import version

        print(f"caption-zoo {version('caption-zoo')}")
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    try:
        with warnings.catch_warnings():
            return _command(argv)
    except BrokenPipeError:
        raise  # whoever reads our output has had enough: see `entry_point`
    except StorageError as error:
        print(f"caption-zoo: {_one_line(error)}", file=sys.stderr)
        return 3
    except (ArgumentError, ValueError, OSError) as error:
        print(f"caption-zoo: {_one_line(error)}", file=sys.stderr)
        return 2
    except Stopped:
        print("caption-zoo: stopped; run the same command again to resume", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("caption-zoo: interrupted; run the same command again to resume", file=sys.stderr)
        return 130


def entry_point() -> None:
    """The console command."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could stand at the cursor
        from benchmarks.cli.completers import autocomplete

        autocomplete()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a terminal cannot show is escaped, and no error
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _command(argv: list[str]) -> int:
    name = argv[0]
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no command {name!r}.{hint} There are {', '.join(COMMANDS)}.")
    from registry import PluginWarning  # late, as all that help can do without
    from zoo.hub import HubWarning

    for category in (PluginWarning, HubWarning):
        warnings.simplefilter("always", category)
    warnings.showwarning = _show
    module, parser = parser_of(name)
    try:
        options = parser.parse_args(module.add_arguments(parser, argv[1:]))
    except ArgumentError as error:
        raise ValueError(_with_nearest(str(error), parser)) from error
    try:
        code: int = module.main(parser, options)
    except SystemExit as end:  # of a plug-in: ours return their code
        raise ValueError(f"a plug-in or a part ended the program, by sys.exit({end.code!r})") from None
    return code


def _help() -> str:
    lines = [f"  {name:12} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: caption-zoo COMMAND ...",
            "",
            "Image captioning models from interchangeable parts, trained, scored and timed alike.",
            "",
            *lines,
            "",
            "caption-zoo COMMAND --help for its arguments, caption-zoo --version for the version.",
        ]
    )


def _show(message: Warning | str, category: type[Warning], *where: Any, **rest: Any) -> None:
    """A plug-in's warning, or one of the Hub, in one line; where it was raised does not help its user."""
    from benchmarks.runtime.text import plain
    from registry import PluginWarning
    from zoo.hub import HubWarning

    if issubclass(category, PluginWarning | HubWarning):
        print(f"caption-zoo: warning: {plain(str(message))}", file=sys.stderr)
    else:
        _show_others(message, category, *where, **rest)


def _with_nearest(message: str, parser: ArgumentParser) -> str:
    """The message, and the known key that is nearest to one that is not."""
    match = re.search(r"(?:option|key|arguments?:?) '?(?:--)?([\w.]+)'?", message, re.IGNORECASE)
    keys = [action.dest for action in parser._actions if action.dest not in ("help", "config")]
    from zoo.settings import hint

    group = re.search(r"Group '(\w+)'", message)
    unknown = f"{group[1]}.{match[1]}" if group and match else match[1] if match else ""
    return f"{message}.{hint(unknown, keys)}".removesuffix(".") if unknown and unknown not in keys else message


def _one_line(error: BaseException) -> str:
    from benchmarks.runtime.text import plain

    if isinstance(error, OSError) and error.filename:
        return plain(f"{error.strerror}: {error.filename}"[:_LONGEST])
    return plain(" ".join(str(error).split())[:_LONGEST]) or type(error).__name__


if __name__ == "__main__":
    entry_point()
