"""The script that makes a shell complete commands, options and names: eval "$(caption-zoo completion bash)"."""

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli import COMMANDS, kinds, parser_of
from benchmarks.cli.completion_words import SHELLS, Offer, lines, offered, script

_FIRST = {**COMMANDS, "--help": "what there is", "--version": "which version this is"}


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The shell; or, as its script asks, ``--complete`` and the words so far, which are not read as arguments."""
    if argv[:1] == ["--complete"]:
        parser.add_argument("--complete", default=argv[1:])
        return []
    parser.add_argument("shell", choices=SHELLS, help="whose script: it asks caption-zoo again at each TAB")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the script, or what could stand in place of the last word."""
    if "shell" in options:
        print(script(options.shell), end="")
        return 0
    *before, begun = options.complete or [""]
    for line in lines(_offered(before, begun), begun.removeprefix("=")):
        print(line)
    return 0


def _offered(before: list[str], begun: str) -> Offer:
    if not before:
        return _FIRST
    name, *before = before
    if name not in COMMANDS:
        return {}
    module, parser = parser_of(name)
    module.add_arguments(parser, [*before, "--help"])  # as for help, a config may be missing
    first = {} if before else dict.fromkeys(getattr(module, "KINDS", ()), "")
    return {**first, **offered(parser, [*before, begun], kinds())}
