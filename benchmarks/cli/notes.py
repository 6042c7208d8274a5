"""What a command says on stderr beside its results."""

import sys
from collections.abc import Iterable

from benchmarks.runtime.text import plain


def pass_over(bad: Exception) -> None:
    """Name a record that cannot be read, on stderr: the others go on."""
    print(f"caption-zoo: passed over: {plain(str(bad))}", file=sys.stderr)


def print_notes(notes: Iterable[str]) -> None:
    """Print on stderr what there is to know of a data set that was planned with."""
    for note in notes:
        print(f"caption-zoo: note: {plain(note)}", file=sys.stderr)
