"""Which caption-zoo this is."""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path


def revision() -> str:
    """Version and commit, in words."""
    return f"{version('caption-zoo')}, commit {commit() or 'unknown'}"


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
