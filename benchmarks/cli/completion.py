"""The script that makes a shell complete commands, options and names: eval "$(caption-zoo completion bash)"."""

from jsonargparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The shell."""
    parser.add_argument(
        "shell", choices=("bash", "zsh", "fish"), help="whose script: it asks caption-zoo again at each TAB"
    )
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["caption-zoo"], shell=options.shell), end="")
    return 0
