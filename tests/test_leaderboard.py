"""The leaderboard's figures: what is compared with what, and how sure it is."""

import math
import random
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
from records import COCO, FEW, PLACE, record

from benchmarks.leaderboard import statistics
from benchmarks.leaderboard.findings import findings
from benchmarks.leaderboard.plot import pareto
from benchmarks.leaderboard.statistics import rank
from benchmarks.leaderboard.summary import summarise
from benchmarks.record import SCORES


@pytest.mark.parametrize(
    "changes",
    [
        COCO,
        {"synthetic": False},
        {"weights": "random"},
        {"split": "validation"},
        {"signature": "other scorer"},
        {"data": {"fingerprint": "0ther"}},
        {"request": {"decoding": {"beams": 1}}},
        *({"environment": PLACE | {name: 2}} for name in ("device", "processor", "threads")),
    ],
    ids=str,
)
def test_what_may_not_be_compared_stands_in_tables_of_its_own(changes):
    assert len(summarise([record(), record("luong")]).tables) == 1
    assert [len(table.rows) for table in summarise([record(), record("luong", **changes)]).tables] == [1, 1]


def test_versions_part_no_tables_and_all_are_kept():
    (table,) = summarise([record(), record("luong", environment=PLACE | {"torch": "2.11.0"})]).tables
    assert table.versions() == {"torch": ["2.10.0", "2.11.0"]}


def test_a_row_is_the_mean_over_its_seeds_and_the_median_of_their_speeds():
    runs = [record(seed=seed, level=level) for seed, level in ((0, 0.5), (1, 0.6), (2, 0.9))]
    repeated = replace(runs[0], finished="2025", scores={})  # the later run of a seed counts
    (table,) = summarise([*runs, repeated]).tables
    (row,) = table.rows
    for score in SCORES:
        assert row.mean("scores", score) == pytest.approx(fmean(run.scores[score] for run in runs), abs=1e-15)
    assert row.median("throughput", "train_captions_per_sec") == 890
    assert row.per_image()["7"] == pytest.approx(fmean(run.per_image["CIDEr"]["7"] for run in runs))
    assert table.ranking.seed_sd == pytest.approx(stdev(run.scores["CIDEr"] for run in runs))


def test_other_weights_or_an_edited_plugin_make_another_row():
    edited = {"request": {"sources": {"attention": "0123456789"}}}
    (table,) = summarise([record(), record(weights="other"), record(**edited)]).tables
    assert len(table.rows) == 3


def test_equal_entries_tie_and_clearly_different_ones_do_not():
    (table,) = summarise(FEW).tables
    places = {table.name(row): table.standing(row) for row in table.rows}
    ranks = {name: (place.first, place.last) for name, place in places.items()}
    assert ranks == {"bahdanau": (1, 2), "luong": (1, 2), "mean": (3, 3)}
    same = [FEW[0].per_image["CIDEr"]] * 2
    assert [(place.first, place.last) for place in rank(same, [[0.4], [0.4]]).standings] == [(1, 2), (1, 2)]


def test_noise_between_seeds_makes_ties():
    scores = [{str(image): level + image / 99 for image in range(50)} for level in (0.0, 0.1)]
    assert [place.first for place in rank(scores, [[0.0], [0.1]]).standings] == [2, 1]
    assert [place.first for place in rank(scores, [[-0.2, 0.2], [-0.1, 0.3]]).standings] == [1, 1]


def test_intervals_and_margin_agree_with_the_textbook():
    """For means of many images both bootstrap intervals are about the normal ones."""
    draw = random.Random(0)
    one, other = ([draw.gauss(mean, 1) for _ in range(800)] for mean in (0.0, 0.5))
    ranking = rank([dict(zip(map(str, range(800)), each, strict=True)) for each in (one, other)], [[0], [0]])
    error = stdev(one) / math.sqrt(800)
    assert ranking.standings[0].low == pytest.approx(fmean(one) - 1.96 * error, abs=0.15 * error)
    assert ranking.standings[0].high == pytest.approx(fmean(one) + 1.96 * error, abs=0.15 * error)
    gap = stdev(a - b for a, b in zip(one, other, strict=True)) / math.sqrt(800)
    assert ranking.margin(0, 1) == pytest.approx(1.96 * gap, rel=0.07)


def test_the_threshold_is_that_of_a_plain_loop_over_pairs():
    draw = np.random.default_rng(5)
    scores = draw.gamma(2, 1, (5, 40))
    samples = statistics._resample(scores, np.full(5, 0.1))
    pairs = [(i, j) for i in range(5) for j in range(i)]
    gaps = {pair: samples[:, pair[0]] - samples[:, pair[1]] for pair in pairs}
    largest = [max(abs(gap[b] - gap.mean()) / gap.std() for gap in gaps.values()) for b in range(len(samples))]
    threshold = sorted(largest)[math.ceil(0.95 * len(largest)) - 1]
    for i, j in pairs:
        assert statistics._margins(samples)[i, j] == pytest.approx(threshold * gaps[i, j].std(), rel=5e-3)


def test_the_best_trade_is_the_fastest_of_those_tied_for_first():
    quick = replace(FEW[1], throughput={"beam_images_per_sec": 100.0})
    (table,) = summarise([FEW[0], quick, FEW[2]]).tables
    best, trade, mattered = findings(table)
    assert table.name(best.text[0]) == "luong"
    assert (table.name(trade.text[0]), trade.answer) == ("bahdanau", "2.5 times the speed, still tied")
    assert "above the same model with mean" in mattered.text[1]


def test_the_front_holds_what_nothing_beats_on_both():
    first, second, third = summarise(FEW).tables[0].rows
    assert pareto({first: (1.0, 9.0), second: (2.0, 5.0), third: (1.5, 4.0)}) == [second, first]
