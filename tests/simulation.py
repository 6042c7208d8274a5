"""How often the ranking is wrong, by simulation: boards of entries that are all equally good.

    python tests/simulation.py --boards 400

prints the share of boards on which some entry is called clearly better than another, for the ranking
as it is and for two ways to get it wrong, and how often an entry that is better is found out.
CIDEr is given x 100 here, as the page shows it.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import NormalDist, fmean
from unittest.mock import patch

import numpy as np

from benchmarks.leaderboard.tables import bootstrap as statistics
from benchmarks.leaderboard.tables.bootstrap import Ranking, rank

ENTRIES, IMAGES, SEEDS = 20, 500, 3
LEVEL, COMMON, TAIL = (
    110.0,
    0.75,
    0.7,
)  # the score; the share of it that is the image's; sigma of what is an entry's own
TUKEY = 5.01 / math.sqrt(
    2
)  # the table of the studentised range, 20 groups, infinite freedom, 5 %: a max-t over all pairs


@dataclass(frozen=True)
class Board:
    """Scores by image (mean over seeds) and by seed, as `rank` takes them."""

    per_image: Sequence[dict[str, float]]
    seeds: Sequence[Sequence[float]]


def board(draw: np.random.Generator, seed_sd: float, gap: float = 0.0) -> Board:
    """Entries of one true score, but the first is better by `gap`.

    What makes an image hard is shared, gamma with a long tail; what it means to one entry is
    log-normal. A seed moves all scores of an entry by a factor.
    """
    hard = draw.gamma(2, 0.5, IMAGES)
    own = draw.lognormal(-(TAIL**2) / 2, TAIL, (ENTRIES, IMAGES))
    ease = COMMON * hard + (1 - COMMON) * own  # mean 1
    better = np.where(np.arange(ENTRIES) == 0, gap, 0.0)
    levels = LEVEL + better[:, None] + draw.normal(0, seed_sd, (ENTRIES, SEEDS))
    scores = levels.mean(axis=1)[:, None] * ease
    return Board(
        [dict(zip(map(str, range(IMAGES)), map(float, row), strict=True)) for row in scores],
        (levels * ease.mean(axis=1)[:, None]).tolist(),
    )


def rankings(boards: int, seed_sd: float, gap: float = 0.0, seed: int = 0) -> Iterator[Ranking]:
    """The rankings of `boards` boards, through the code that the page uses."""
    draw = np.random.default_rng(seed)
    for _ in range(boards):
        made = board(draw, seed_sd, gap)
        yield rank(made.per_image, made.seeds)


def separates(ranking: Ranking) -> bool:
    """Whether any entry is said to be clearly better than another."""
    return any(standing and standing.first > 1 for standing in ranking.standings)


def found(ranking: Ranking) -> float:
    """The share of the others that the first entry is said to be clearly better than."""
    return (ENTRIES - ranking.standings[0].last) / (ENTRIES - 1)


def error(seed_sd: float) -> float:
    """The standard error of the difference between two entries, by formula."""
    own = math.exp(TAIL**2) - 1
    images = 2 * (LEVEL * (1 - COMMON)) ** 2 * own / IMAGES
    return math.sqrt(images + 2 * seed_sd**2 / SEEDS)


def power(seed_sd: float, gap: float) -> float:
    """How often two entries that differ by `gap` should differ significantly."""
    return NormalDist().cdf(gap / error(seed_sd) - TUKEY)


def gap_for(seed_sd: float, share: float) -> float:
    """The gap that should be found in this share of cases."""
    return error(seed_sd) * (TUKEY + NormalDist().inv_cdf(share))


def uncorrected() -> AbstractContextManager[object]:
    """Plants a mistake: each pair is tested as if it were the only one."""
    return patch.object(statistics, "_threshold", lambda samples, errors: statistics.PLANNED)


def seedless() -> AbstractContextManager[object]:
    """Plants a mistake: what differs between seeds is forgotten."""
    return patch.object(statistics, "pooled_sd", lambda seeds: None)


RULES = {"as it is": nullcontext, "without correction (1.96)": uncorrected, "without seed noise": seedless}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=400, help="of each kind")
    boards = parser.parse_args().boards
    print(f"{boards} boards of {ENTRIES} equal entries, {IMAGES} images, {SEEDS} seeds")
    for seed_sd in (0.5, 1.5):
        for name, rule in RULES.items():
            with rule():
                share = fmean(separates(ranking) for ranking in rankings(boards, seed_sd))
            spread = math.sqrt(share * (1 - share) / boards)
            print(f"  seed SD {seed_sd}, {name + ':':27} some pair separated on {share:.3f} +- {spread:.3f} of them")
    print("one entry better by a gap: share of the others that it is found to be better than")
    for seed_sd in (0.5, 1.5):
        for theory in (0.2, 0.5, 0.8):
            gap = gap_for(seed_sd, theory)
            shares = [found(ranking) for ranking in rankings(boards, seed_sd, gap)]
            spread = float(np.std(shares)) / math.sqrt(boards)
            print(f"  seed SD {seed_sd}, gap {gap:.1f}: theory {theory:.3f}, found {fmean(shares):.3f} +- {spread:.3f}")


if __name__ == "__main__":
    main()
