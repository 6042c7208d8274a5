"""Captions that break off: their last word is one that needs another behind it.

Self-critical training whose reward leaves EOS out learns such endings, since an n-gram like "with a" is rewarded
wherever it stands (Rennie et al., 2017, https://arxiv.org/abs/1612.00563, appendix E).
"""

from collections.abc import Iterable, Sequence

# Articles, possessives, conjunctions, forms of "be", and prepositions. Words that people do end captions with are left
# out, such as "by", "around" and "outside" ("a train passing by"). Of COCO's own captions 0.6 % end in one of these,
# nearly all in "on" ("a laptop turned on").
BAD_ENDINGS = frozenset((
    "a", "an", "the", "this", "that", "his", "its", "their", "and", "or", "while", "as", "is", "are",
    "at", "for", "from", "in", "into", "near", "of", "on", "onto", "to", "with",
))  # fmt: skip


def bad_ending_rate(captions: Iterable[Sequence[str]]) -> float:
    """The share of `captions`, as lower-case words, that end in one of `BAD_ENDINGS`; one without a word does not."""
    endings = [words[-1] in BAD_ENDINGS if words else False for words in captions]
    return sum(endings) / max(1, len(endings))
