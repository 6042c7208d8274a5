"""What a difference in CIDEr is worth: one paired bootstrap over the images of a table.

CIDEr is a mean over images once its document frequencies are fixed, so a resample is a
weighted mean. Every entry is resampled on the same images, so that what makes an image
hard cancels in differences. Training seeds add noise of their own, pooled over entries.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import variance

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
PLANNED = 1.96  # standard errors at which one pair, chosen beforehand, differs significantly
_SEED = 2015
_MOST, _FEWEST = 10**9, 200  # differences that the threshold is found by: all of RESAMPLES up to a thousand entries
_BLOCK = 64  # entries at a time, whose resamples a cache holds
_TAILS = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)


@dataclass(frozen=True)
class Standing:
    """Where an entry stands; raw scores, 95 % intervals.

    low, high: its score over all images of the kind; near_low, near_high: for comparing entries, what
    they share taken out; first, last: the ranks not significantly different from its own.
    """

    low: float
    high: float
    near_low: float
    near_high: float
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Ranking:
    """The standings of a table's entries, None for one without per-image scores.

    images: how many all of them were scored on; seed_sd: of one entry's score between
    seeds, None where no entry has two; resolution: about the smallest significant gap;
    threshold: standard errors at which any pair of the table differs significantly; scores: (entries,
    images); errors: the standard error of each pair's difference; draws: (RESAMPLES, entries)
    resampled means; strays: the same, where the deviation between seeds is itself in doubt, to find
    thresholds by. The arrays are NaN where nothing is known.
    """

    standings: tuple[Standing | None, ...]
    images: int
    seed_sd: float | None
    resolution: float | None
    threshold: float
    scores: np.ndarray
    errors: np.ndarray
    draws: np.ndarray
    strays: np.ndarray

    @cached_property
    def compared(self) -> int:
        """How many entries have a standing."""
        return len(self.standings) - self.standings.count(None)

    def wins(self, one: int, other: int) -> float | None:
        """On which share of the images the one entry is ahead of the other, ties counted half; None if not known."""
        if None in (self.standings[one], self.standings[other]):
            return None
        own, theirs = self.scores[one], self.scores[other]
        return float(((own > theirs) + 0.5 * (own == theirs)).mean())

    def error(self, one: int, other: int) -> float | None:
        """The standard error of the difference of two entries, None if not known."""
        error = float(self.errors[one, other])
        return None if math.isnan(error) else error

    def margin(self, one: int, other: int) -> float | None:
        """The gap beyond which these two entries differ significantly, None if not known."""
        error = self.error(one, other)
        return None if error is None else error * self.threshold


def rank(per_image: Sequence[Mapping[str, float]], seeds: Sequence[Sequence[float]]) -> Ranking:
    """Compare entries by score per image (mean over seeds; empty if unknown) and by score per seed.

    Only entries that were scored on the same images are compared: those of most entries.
    """
    count, seed_sd = len(per_image), pooled_sd(seeds)
    images = _commonest(per_image)
    comparable = [index for index, scores in enumerate(per_image) if images and sorted(scores) == images]
    standings: list[Standing | None] = [None] * count
    errors, known = np.full((count, count), math.nan), np.full((count, len(images)), math.nan)
    draws, strays = np.full((RESAMPLES, count), math.nan), np.full((RESAMPLES, count), math.nan)
    if len(images) < 2:
        return Ranking(tuple(standings), len(images), seed_sd, None, math.nan, known, errors, draws, strays)
    known[comparable] = scores = np.array([[per_image[index][image] for image in images] for index in comparable])
    noise = [(seed_sd or 0.0) / math.sqrt(len(seeds[index])) for index in comparable]
    samples, doubtful = _resample(scores, np.array(noise), degrees_of_freedom(seeds))
    draws[:, comparable], strays[:, comparable] = samples, doubtful
    errors[np.ix_(comparable, comparable)] = found = _errors(samples)
    threshold, means = _threshold(doubtful, found), scores.mean(axis=1)
    for index, standing in zip(comparable, _standings(means, samples, threshold, found, count), strict=True):
        standings[index] = standing
    pairs = found[~np.eye(len(comparable), dtype=bool)]  # each twice, which has the same median
    resolution = threshold * float(np.median(pairs)) if len(pairs) else None
    return Ranking(tuple(standings), len(images), seed_sd, resolution, threshold, known, errors, draws, strays)


def _commonest(per_image: Sequence[Mapping[str, float]]) -> list[str]:
    """The images that most entries were scored on; of two such sets the larger one."""
    sets = Counter(tuple(sorted(scores)) for scores in per_image if scores)
    ordered = sorted(sets.items(), key=lambda item: (item[1], len(item[0]), item[0]))
    return list(ordered[-1][0]) if ordered else []


def pooled_sd(seeds: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation between seeds, pooled over entries that have two or more."""
    squares = sum((len(scores) - 1) * variance(scores) for scores in seeds if len(scores) > 1)
    return math.sqrt(squares / degrees_of_freedom(seeds)) if degrees_of_freedom(seeds) else None


def degrees_of_freedom(seeds: Sequence[Sequence[float]]) -> int:
    """The degrees of freedom of that deviation: how many seeds there are beside the first of each entry."""
    return sum(max(0, len(scores) - 1) for scores in seeds)


def _resample(scores: np.ndarray, noise: np.ndarray, known: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of the rows of `scores` over resampled columns, plus seed noise: (RESAMPLES, entries).

    Then the same with noise as unsure as a deviation with `known` degrees of freedom is: of few
    seeds it may well be too small, and on a small board that would make differences of nothing.
    """
    generator = np.random.default_rng(_SEED)
    images = scores.shape[1]
    weights = generator.multinomial(images, np.full(images, 1 / images), size=RESAMPLES) / images
    means, luck = weights @ scores.T, generator.standard_normal((RESAMPLES, len(scores))) * noise
    doubt = np.sqrt(known / generator.chisquare(known, (RESAMPLES, 1))) if known else np.ones((RESAMPLES, 1))
    return means + luck, means + luck * doubt


def _standings(
    means: np.ndarray, samples: np.ndarray, threshold: float, errors: np.ndarray, entries: int
) -> list[Standing]:
    """Of the comparable ones; the others of all `entries` might have any rank."""
    count = len(means)
    ahead = np.array([np.sum(means - own > threshold * row) for own, row in zip(means, errors, strict=True)])
    behind = np.array([np.sum(own - means > threshold * row) for own, row in zip(means, errors, strict=True)])
    low, high = np.percentile(samples, _TAILS, axis=0)
    own = samples - samples.mean(axis=1, keepdims=True)  # Cousineau: take out what all share; Morey: undo the shrinkage
    own = (own - own.mean(axis=0)) * math.sqrt(count / max(count - 1, 1))
    near_low, near_high = np.percentile(own, _TAILS, axis=0) + means
    columns = (low, high, near_low, near_high, 1 + ahead, entries - behind)
    return [Standing(*(value.item() for value in entry)) for entry in zip(*columns, strict=True)]


def _errors(samples: np.ndarray) -> np.ndarray:
    """The standard error of the difference of each pair of entries: both variances, less twice the covariance."""
    drift = samples - samples.mean(axis=0)
    errors = np.asarray(drift.T @ drift)
    variances = errors.diagonal().copy()
    errors *= -2
    errors += np.add.outer(variances, variances)
    np.fill_diagonal(errors, 0)
    return np.asarray(np.sqrt(np.maximum(errors, 0, out=errors) / len(samples)))


def _threshold(samples: np.ndarray, errors: np.ndarray) -> float:
    """Standard errors at which any pair differs significantly; never less than for one pair alone.

    One threshold for all pairs: the 95 % quantile of the largest studentised difference
    (max-t), or else the luckiest of many pairs would pass for better. Of a thousand entries and
    more the largest difference varies so little that fewer resamples tell its quantile.
    """
    count = samples.shape[1]
    resamples = min(RESAMPLES, max(_FEWEST, 2 * _MOST // count**2))
    drift = np.ascontiguousarray((samples - samples.mean(axis=0))[:resamples].T)
    largest = np.zeros(resamples)
    for index in range(count - 1):
        for start in range(index + 1, count, _BLOCK):
            error = errors[index, start : start + _BLOCK, None]
            size = np.abs(drift[index] - drift[start : start + _BLOCK])
            size = np.divide(size, error, out=np.zeros_like(size), where=error > 0)
            np.maximum(largest, size.max(axis=0), out=largest)
    return max(PLANNED, float(np.quantile(largest, LEVEL)))
