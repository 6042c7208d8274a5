"""BLEU, ROUGE-L and CIDEr-D of captions whose words are told apart by spaces, written from their papers.

Tokens as Stanford's tokenizer makes them take Java; for the words of synthetic scenes, which are
lower-case letters and spaces, they are just these. METEOR takes Java too, and is not counted here.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

_LONGEST = 4
_BETA, _SIGMA = 1.2, 6.0
_TINY, _SMALL = 1e-15, 1e-9  # by which the COCO evaluation keeps its quotients finite

Gram: TypeAlias = tuple[str, ...]
Grams: TypeAlias = Counter[Gram]
Vector: TypeAlias = tuple[Mapping[Gram, float], list[float]]


class References:
    """The references of a set of images, counted once for all captions that are compared with them."""

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        self._words = [[reference.split() for reference in each] for each in references]
        self._grams = [[_grams(words) for words in each] for each in self._words]
        self._images = Counter(gram for each in self._grams for gram in set().union(*each))
        self._most = [_most(each) for each in self._grams]
        self._vectors = [[self._vector(grams) for grams in each] for each in self._grams]

    def score(self, captions: Sequence[str]) -> tuple[dict[str, float], list[float]]:
        """The scores of one caption for each image, by their columns, and the CIDEr-D of each."""
        split = [caption.split() for caption in captions]
        counts = [_grams(words) for words in split]
        cider = [self._cider(*each) for each in zip(split, counts, self._words, self._vectors, strict=True)]
        rouge = [_rouge(*each) for each in zip(split, self._words, strict=True)]
        mean = math.fsum(cider) / len(cider)
        return {**self._bleu(split, counts), "ROUGE_L": math.fsum(rouge) / len(rouge), "CIDEr": mean}, cider

    def _bleu(self, captions: Sequence[list[str]], counts: Sequence[Grams]) -> dict[str, float]:
        """Papineni et al. 2002: clipped precisions over all captions, and a penalty for brevity."""
        shared, guessed = [0] * _LONGEST, [0] * _LONGEST
        length = nearest = 0
        for words, grams, others, most in zip(captions, counts, self._words, self._most, strict=True):
            length += len(words)
            nearest += min((abs(len(other) - len(words)), len(other)) for other in others)[1]
            for gram, count in grams.items():
                guessed[len(gram) - 1] += count
                shared[len(gram) - 1] += min(count, most[gram])
        ratio = (length + _TINY) / (nearest + _SMALL)
        brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
        found, product = {}, 1.0
        for size in range(_LONGEST):
            product *= (shared[size] + _TINY) / (guessed[size] + _SMALL)
            found[f"Bleu_{size + 1}"] = product ** (1 / (size + 1)) * brevity
        return found

    def _vector(self, grams: Grams) -> Vector:
        """The weight of each n-gram, the rarer the more, and the length of the vector for each size of n-gram."""
        images = len(self._grams)
        weights = {gram: count * math.log(images / max(1, self._images[gram])) for gram, count in grams.items()}
        squares = [0.0] * _LONGEST
        for gram, weight in weights.items():
            squares[len(gram) - 1] += weight**2
        return weights, [math.sqrt(square) for square in squares]

    def _cider(self, words: list[str], grams: Grams, others: list[list[str]], vectors: list[Vector]) -> float:
        """Vedantam et al. 2015, CIDEr-D: clipped cosines of weighted n-grams, less where lengths differ."""
        (own, norms), total = self._vector(grams), 0.0
        for other, (theirs, lengths) in zip(others, vectors, strict=True):
            products = [0.0] * _LONGEST
            for gram in own.keys() & theirs.keys():
                products[len(gram) - 1] += min(own[gram], theirs[gram]) * theirs[gram]
            cosines = [
                product / (norm * length) if norm and length else product
                for product, norm, length in zip(products, norms, lengths, strict=True)
            ]
            apart = max(0, len(words) - 1) - max(0, len(other) - 1)  # n-grams of two, as the evaluation has it
            total += math.fsum(cosines) * math.exp(-(apart**2) / (2 * _SIGMA**2))
        return 10 * total / _LONGEST / len(others)


def _grams(words: Sequence[str]) -> Grams:
    sizes = range(1, _LONGEST + 1)
    return Counter(tuple(words[at : at + size]) for size in sizes for at in range(len(words) - size + 1))


def _most(references: Sequence[Grams]) -> Grams:
    """How often each n-gram is in the reference that has it most."""
    most: Grams = Counter()
    for grams in references:
        most |= grams
    return most


def _rouge(caption: list[str], references: list[list[str]]) -> float:
    """Lin 2004: an F-measure of the longest common subsequence."""
    words = caption or [""]
    shared = [_common(words, other) for other in references]
    precision = max(shared) / len(words)
    recall = max(each / len(other) for each, other in zip(shared, references, strict=True))
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision) if precision and recall else 0.0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        above = row
        row = [0]
        for place, own in enumerate(other):
            row.append(above[place] + 1 if word == own else max(above[place + 1], row[place]))
    return row[-1]
