"""Which caption-zoo this is."""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path


def revision() -> tuple[str, str | None]:
    """Version and commit."""
    return version("caption-zoo"), commit()


def differ(one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Whether they are known to be of other code; a checkout may have no git, or be edited while it is used."""
    commits = {commit.removesuffix("+") for _, commit in (one, other) if commit}
    return one[0] != other[0] or len(commits) > 1


@cache
def commit() -> str | None:
    """The commit of the checkout that this file is part of, with "+" where it was changed since.

    It is looked up once: what runs is what was loaded, whatever is checked out later.
    """
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        inside = subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=False)
        if inside.returncode:
            return None
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
