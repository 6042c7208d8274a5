"""Whether the rate of bad endings in a record is that of its captions."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

BAD_ENDINGS = {
    "a", "an", "and", "are", "as", "at", "for", "from", "his", "in", "into", "is", "its", "near", "of", "on", "onto",
    "or", "that", "the", "their", "this", "to", "while", "with",
}  # fmt: skip
_CLOSE = 1e-9


def endings(record: Mapping[str, Any]) -> Iterator[str]:
    """A difference, or a rate that is missing."""
    given, captions = record["diagnostics"].get("bad_endings"), record["captions"].values()
    rate = sum(caption.rpartition(" ")[2] in BAD_ENDINGS for caption in captions) / max(1, len(captions))
    if given is None or not math.isclose(given, rate, abs_tol=_CLOSE):
        yield f"its captions give bad_endings {rate:.6f}, it says {given}"
