"""N-grams, words in a row, by which BLEU and CIDEr compare captions."""

from collections import Counter
from itertools import chain
from typing import TypeAlias

LONGEST = 4
Ngram: TypeAlias = tuple[str, ...]


def ngrams(caption: str) -> Counter[Ngram]:
    """How often each n-gram of one to four words is there; short ones first, as pycocoevalcap has them."""
    words = caption.split()
    shifted = [[words[place:] for place in range(length)] for length in range(1, LONGEST + 1)]
    return Counter(chain.from_iterable(zip(*each, strict=False) for each in shifted))
