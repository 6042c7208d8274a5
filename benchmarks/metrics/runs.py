"""Words in a row, which BLEU and CIDEr compare captions by."""

from collections import Counter
from itertools import chain
from typing import TypeAlias

LONGEST = 4
Run: TypeAlias = tuple[str, ...]


def runs(said: str) -> Counter[Run]:
    """How often each run of one to four words is there; short ones first, as pycocoevalcap has them."""
    words = said.split()
    shifted = [[words[place:] for place in range(length)] for length in range(1, LONGEST + 1)]
    return Counter(chain.from_iterable(zip(*each, strict=False) for each in shifted))
