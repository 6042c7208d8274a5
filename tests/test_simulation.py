"""The ranking's promise, tried on boards whose truth is known: equal entries are left tied, better ones are found.

The seeds are fixed, so a run always gives the same. `python tests/simulation.py` runs it at length.
"""

import math
from statistics import fmean

import pytest
import simulation
from simulation import TUKEY, error, found, gap_for, power, rankings, seedless, separates, uncorrected

BOARDS, NOISY = 40, 1.5  # between the seeds of an entry, in points of CIDEr


def likely_at_most(share: float, boards: int, surety: float = 0.999) -> int:
    """The count that a share of so many boards exceeds once in a thousand times."""
    total = 0.0
    for count in range(boards + 1):
        total += math.comb(boards, count) * share**count * (1 - share) ** (boards - count)
        if total >= surety:
            return count
    return boards


def test_the_binomial_bound_is_the_known_one():
    assert [likely_at_most(0.5, 10, surety) for surety in (0.6, 0.95, 0.999)] == [5, 8, 9]
    assert likely_at_most(0.07, BOARDS) == 9


@pytest.fixture(scope="module")
def false_separations():
    return [separates(ranking) for ranking in rankings(BOARDS, NOISY)]


def test_on_about_one_board_in_twenty_of_equal_entries_is_any_separated(false_separations):
    assert sum(false_separations) <= likely_at_most(0.07, BOARDS)  # three seeds tell their noise only roughly


@pytest.mark.parametrize("mistake", [uncorrected, seedless])
def test_a_wrong_threshold_would_be_noticed(mistake):
    with mistake():
        wrong = sum(separates(ranking) for ranking in rankings(BOARDS, NOISY))
    assert wrong > likely_at_most(0.07, BOARDS)


def test_the_threshold_is_tukeys():
    """For entries of like noise, max-t over all pairs is the studentised range: neither too lax nor too strict."""
    ratios = [ranking.resolution / error(NOISY) for ranking in rankings(12, NOISY, seed=1)]
    assert fmean(ratios) == pytest.approx(TUKEY, rel=0.05)


def test_a_better_entry_is_found_as_often_as_theory_says():
    gap = gap_for(NOISY, 0.5)
    shares = [found(ranking) for ranking in rankings(20, NOISY, gap, seed=2)]
    assert power(NOISY, gap) == pytest.approx(0.5)
    assert fmean(shares) == pytest.approx(0.5, abs=0.2)  # one standard error: 0.06
    nothing = [found(ranking) for ranking in rankings(4, NOISY, 0.0, seed=3)]
    everything = [found(ranking) for ranking in rankings(4, NOISY, 2 * gap, seed=4)]
    assert fmean(nothing) < 0.05
    assert fmean(everything) > 0.95


def test_the_boards_are_as_they_are_said_to_be():
    draw = simulation.np.random.default_rng(0)
    boards = [simulation.board(draw, NOISY) for _ in range(30)]
    rows = simulation.np.array([[list(scores.values()) for scores in board.per_image] for board in boards])
    gaps = rows[:, 0].mean(axis=1) - rows[:, 1].mean(axis=1)
    assert rows.mean() == pytest.approx(simulation.LEVEL, rel=0.02)
    assert gaps.std() == pytest.approx(error(NOISY), rel=0.4)
    assert simulation.statistics.pooled_sd(boards[0].seeds) == pytest.approx(NOISY, rel=0.35)
    assert rows.max() > 4 * rows.mean()
