"""The leaderboard's figures: what is compared with what, and how sure it is."""

import json
import math
import random
import re
from dataclasses import replace
from itertools import product
from statistics import fmean, stdev

import numpy as np
import pytest
from records import COCO, FEW, PLACE, record

from benchmarks.leaderboard.html.axes import linear, spread
from benchmarks.leaderboard.html.embedded_data import COMPARED, Panel, data, links
from benchmarks.leaderboard.html.heatmap import heatmap, step
from benchmarks.leaderboard.html.scatter import pareto, plots
from benchmarks.leaderboard.html.section import section
from benchmarks.leaderboard.tables import bootstrap as statistics
from benchmarks.leaderboard.tables.bootstrap import rank
from benchmarks.leaderboard.tables.columns import rate
from benchmarks.leaderboard.tables.effects import effects
from benchmarks.leaderboard.tables.findings import findings
from benchmarks.leaderboard.tables.formatting import number
from benchmarks.leaderboard.tables.hardware import versions
from benchmarks.leaderboard.tables.pairwise import most_different, verdict, versus
from benchmarks.leaderboard.tables.short_names import short_names
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import SCORES


@pytest.mark.parametrize(
    "changes",
    [
        COCO,
        {"synthetic": False},
        {"weights": "random"},
        {"split": "validation"},
        {"signature": "other scorer"},
        {"data": {"fingerprint": "0ther"}},
        {"request": {"decoding": {"num_beams": 1}}},
    ],
    ids=str,
)
def test_what_may_not_be_compared_stands_in_tables_of_its_own(changes):
    assert len(summarise([record(), record("luong")]).tables) == 1
    tables = summarise([record(), record("luong", **changes)]).tables
    assert [len(table.rows) for table in tables] == [1, 1]
    assert len({table.key for table in tables}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        *({"environment": PLACE | {name: 2}} for name in ("device", "processor", "threads")),
        {"timing": {"beam_images_per_sec": {"items": 64}}},
    ],
    ids=str,
)
def test_speeds_of_two_places_are_two_columns_and_two_plots(changes):
    there = {"throughput": {"encode_images_per_sec": 3.0, "beam_images_per_sec": 6.0}} | changes
    (table,) = summarise([*FEW, record("mean", level=0.4, **there), record("luong", level=0.69, **there)]).tables
    here, far = table.places
    assert [len(row.runs) for row in table.rows] == [1, 1, 1]
    for row in table.rows:
        assert rate(table, here).read(row) == pytest.approx(30.0)  # 1 / (1 / 120 + 1 / 40)
        alone = table.name(row) == "bahdanau"
        assert rate(table, far).read(row) == (None if alone else pytest.approx(2.0))
    assert rate(table, far).unit == "images/s on B"
    assert plots(table).count("<figure") == 2


def test_versions_part_no_tables_and_all_are_kept():
    (table,) = summarise([record(), record("luong", environment=PLACE | {"torch": "2.11.0"})]).tables
    assert versions(run for row in table.rows for run in row.runs) == {"torch": ["2.10.0", "2.11.0"]}


def test_a_row_is_the_mean_over_its_seeds_and_the_median_of_their_speeds():
    runs = [record(seed=seed, level=level) for seed, level in ((0, 0.5), (1, 0.6), (2, 0.9))]
    repeated = replace(runs[0], finished="2025", scores={})  # the later run of a seed counts
    (table,) = summarise([*runs, repeated]).tables
    (row,) = table.rows
    for score in SCORES:
        assert row.mean("scores", score) == pytest.approx(fmean(run.scores[score] for run in runs), abs=1e-15)
    assert row.median("throughput", "train_captions_per_sec", table.places[0]) == 890
    assert row.per_image["7"] == pytest.approx(fmean(run.per_image["CIDEr"]["7"] for run in runs))
    assert table.ranking.seed_sd == pytest.approx(stdev(run.scores["CIDEr"] for run in runs))


def test_an_edited_metric_makes_another_table_and_an_edited_inner_part_another_row():
    mine, edited = ({"request": {"sources": {"metric mine": code}}} for code in ("aa", "bb"))
    assert len(summarise([record(**mine), record(seed=1, **edited)]).tables) == 2
    inner = [{"request": {"sources": {"attention attention": code}}} for code in ("aa", "bb")]
    (table,) = summarise([record(**inner[0]), record(seed=1, **inner[1])]).tables
    assert len(table.rows) == 2


def test_a_swap_pairs_no_rows_whose_other_parts_are_of_other_files():
    edited = {"request": {"sources": {"decoder": "0123456789"}}}
    (table,) = summarise([record(), record("mean", **edited)]).tables
    assert effects(table) == []


def test_a_record_of_other_images_is_set_apart_and_ruins_nobodys_rank():
    (table,) = summarise([*FEW, record("area", images=3, level=0.1)]).tables
    assert [table.standing(row) is None for row in table.rows] == [table.name(row) == "area" for row in table.rows]
    assert table.ranking.images == 60
    best = findings(table)[0]
    assert "1 more cannot be compared with them." in best.text[-1]


def test_on_boards_of_equal_entries_the_page_says_that_no_swap_is_clear():
    (table,) = summarise([record("mean", level=0.6), record("luong", level=0.605)]).tables
    assert findings(table)[2].answer == "No swap of one part is clear"


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


@pytest.mark.parametrize(("entries", "seeds"), [(2, 2), (4, 2)])
def test_on_small_boards_too_few_are_told_apart(entries, seeds):
    """Of equal entries, where the deviation between seeds is all that differs and is known from few of them."""
    draw, wrong = np.random.default_rng(7), 0
    image = {str(number): float(score) for number, score in enumerate(draw.gamma(2, 0.5, 50))}
    for _ in range(100):
        levels = draw.normal(0, 0.2, (entries, seeds))
        shifted = [{key: score + level for key, score in image.items()} for level in levels.mean(axis=1)]
        wrong += any(standing.first > 1 for standing in rank(shifted, levels.tolist()).standings)
    assert wrong <= 13  # 5 in 100, thrice its standard error above; without doubt about the deviation 15 and more


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
    samples, _ = statistics._resample(scores, np.full(5, 0.1), 0)
    pairs = [(i, j) for i in range(5) for j in range(i)]
    gaps = {pair: samples[:, pair[0]] - samples[:, pair[1]] for pair in pairs}
    largest = [max(abs(gap[b] - gap.mean()) / gap.std() for gap in gaps.values()) for b in range(len(samples))]
    threshold = sorted(largest)[math.ceil(0.95 * len(largest)) - 1]
    errors = statistics._errors(samples)
    assert statistics._threshold(samples, errors) == pytest.approx(threshold, rel=5e-3)
    for i, j in pairs:
        assert errors[i, j] == errors[j, i] == pytest.approx(gaps[i, j].std())


def test_the_best_trade_is_the_fastest_of_those_tied_for_first():
    quick = replace(FEW[1], throughput={"encode_images_per_sec": 120.0, "beam_images_per_sec": 600.0})
    (table,) = summarise([FEW[0], quick, FEW[2]]).tables
    best, trade, mattered = findings(table)
    assert table.name(best.text[0]) == "luong"
    assert (table.name(trade.text[0]), trade.answer) == ("bahdanau", "3.33 times the speed, still tied")
    assert mattered.text[0].startswith("Swapping mean for luong changes CIDEr by +")


def timed(attention, level, *beams):
    """A run with each of these rates."""
    return [
        record(
            attention, level=level, seed=seed, throughput={"encode_images_per_sec": 120.0, "beam_images_per_sec": beam}
        )
        for seed, beam in enumerate(beams)
    ]


@pytest.mark.parametrize(
    ("rival", "answer", "why"),
    [
        ((70.0, 100.0), "1.41 times the speed, still tied", "which is no clear gap here"),
        ((55.0, 100.0), "Nothing here is clearly faster", "a gain within what runs differ by"),
        ((50.0, 52.0), "Nothing here is clearly faster", "a gain too small to be one"),
        ((30.0, 100.0, 30.0), "The best is also the fastest", "nothing here is faster"),
    ],
)
def test_a_gain_in_speed_is_one_where_each_run_is_faster_than_each_of_the_other(rival, answer, why):
    (table,) = summarise([*timed("luong", 0.70, 40.0, 60.0), *timed("bahdanau", 0.69, *rival)]).tables
    trade = findings(table)[1]
    assert trade.answer == answer
    assert any(why in piece for piece in trade.text if isinstance(piece, str))


def test_of_those_that_are_as_fast_the_best_is_traded():
    others = [*timed("bahdanau", 0.69, 80.0), *timed("mean", 0.68, 81.0), *timed("area", 0.685, 60.0)]
    (table,) = summarise([*timed("luong", 0.70, 40.0), *others]).tables
    assert table.name(findings(table)[1].text[0]) == "bahdanau"


def test_where_the_best_was_not_timed_the_best_of_the_others_is_traded():
    untimed = timed("luong", 0.9, 40.0)[0]
    for level, answer in ((0.69, "1.60 times the speed, still tied"), (0.3, "Nothing as good is clearly faster")):
        others = [*timed("bahdanau", 0.70, 40.0), *timed("mean", level, 80.0)]
        (table,) = summarise([replace(untimed, throughput={}), *others]).tables
        trade = findings(table)[1]
        names = [table.name(piece) for piece in trade.text if not isinstance(piece, str)]
        assert trade.answer == answer
        assert set(names) == {"bahdanau", "mean", "luong"}
        assert trade.text[-2:] == (table.rows[0], " was not timed.")


def test_the_front_holds_what_nothing_beats_on_both():
    first, second, third = summarise(FEW).tables[0].rows
    assert pareto({first: (1.0, 9.0), second: (2.0, 5.0), third: (1.5, 4.0)}) == [second, first]


def grid(level, seeds=1):
    """Two backbones x three attentions x two decoders; `level` says how good each is."""
    axes = product(("lite", "big"), ("mean", "luong", "bahdanau"), ("lstm", "gru"), range(seeds))
    return [
        record(a, seed=seed, level=level(b, a, d), parts={"backbone": b, "decoder": d}, images=200)
        for b, a, d, seed in axes
    ]


def test_where_combinations_lack_the_largest_clear_swap_of_any_part_is_told():
    lacking = [
        run
        for run in grid(lambda b, a, d: 0.5 + 0.05 * (a == "luong") + 0.4 * (b == "big"))
        if run.parts["decoder"] == "gru" or run.parts["attention"] == "mean"
    ]
    (table,) = summarise(lacking).tables
    text = str(findings(table)[2].text)
    assert "too few combinations were run to divide that among the parts." in text
    assert "The largest clear swap of one part: swapping big for lite changes CIDEr by −" in text


def test_a_clear_gap_without_a_clear_swap_is_not_called_noise():
    for level, expected in (
        (0.35, "; which part did it is not clear."),
        (0.68, ", which is within the noise of these images."),
    ):
        far = record("mean", level=level, parts={"backbone": "other", "decoder": "gru"})
        (table,) = summarise([record(level=0.7), record("luong", level=0.69), far]).tables
        found = findings(table)[2]
        assert [(each.base, each.value) for each in effects(table)] == [("bahdanau", "luong")]  # mean pairs with none
        assert found.answer == "No swap of one part is clear"
        assert found.text[-1].endswith(expected)


def test_a_swap_is_the_mean_over_pairs_that_differ_in_nothing_else():
    gain = {"mean": 0.0, "luong": 0.2, "bahdanau": 0.1}
    (table,) = summarise(grid(lambda b, a, d: 0.5 + gain[a] + 0.3 * (b == "big"))).tables
    found = {(each.part, each.value): each for each in effects(table)}
    assert set(found) == {("backbone", "lite"), ("attention", "luong"), ("attention", "bahdanau"), ("decoder", "lstm")}
    score = {row.parts: row.mean("scores", "CIDEr") for row in table.rows}
    luong = found["attention", "luong"]
    pairs = [score[b, "luong", d] - score[b, "mean", d] for b in ("lite", "big") for d in ("lstm", "gru")]
    assert luong.base == "mean"
    assert luong.difference == pytest.approx(fmean(pairs))
    assert (luong.helped, luong.pairs) == (sum(each > 0 for each in pairs), 4)
    assert luong.low < luong.difference < luong.high
    assert luong.clear
    assert not found["decoder", "lstm"].clear


def test_a_swap_is_as_sure_as_a_paired_bootstrap_of_its_pairs():
    (table,) = summarise(grid(lambda b, a, d: 0.6)).tables
    found = effects(table)
    draws = table.ranking.draws
    names = {row.parts: index for index, row in enumerate(table.rows)}
    means = []
    for each in found:
        axis = ("backbone", "attention", "decoder").index(each.part)
        swapped = [(p, (*p[:axis], each.base, *p[axis + 1 :])) for p in names if p[axis] == each.value]
        means.append(np.mean([draws[:, names[new]] - draws[:, names[old]] for new, old in swapped], axis=0))
    largest = [max(abs(mean[b] - mean.mean()) / mean.std() for mean in means) for b in range(len(draws))]
    threshold = sorted(largest)[math.ceil(0.95 * len(largest)) - 1]
    for each, mean in zip(found, means, strict=True):
        assert each.high - each.difference == pytest.approx(threshold * mean.std(), rel=0.02)


def test_without_scores_per_image_a_swap_has_no_interval():
    (table,) = summarise([record(per_image={}), record("mean", per_image={})]).tables
    (each,) = effects(table)
    assert math.isnan(each.low)
    assert not each.clear


def test_two_entries_get_one_of_three_verdicts():
    assert [verdict(gap, 1.0, 3.0) for gap in (-3.1, 2.5, -2.5, 1.9)] == ["clear", "planned", "planned", "tie"]
    assert verdict(1.0, None, 3.0) == "unknown"
    (table,) = summarise(FEW).tables
    best, second, last = table.rows
    assert versus(table, best, last).verdict == "clear"
    assert versus(table, best, second).verdict != "clear"
    ahead = [best.per_image[image] > last.per_image[image] for image in best.per_image]
    assert versus(table, best, last).wins == pytest.approx(fmean(ahead))
    assert versus(table, last, best).wins == pytest.approx(1 - fmean(ahead))


def test_the_images_that_differ_most_are_those_of_a_plain_sort():
    (table,) = summarise(FEW).tables
    one, _, other = table.rows
    gaps = {image: one.per_image[image] - other.per_image[image] for image in one.per_image}
    ordered = sorted(gaps, key=gaps.get)
    found = [each.image for each in most_different(one, other, 2)]
    assert found[:2] == ordered[:-3:-1]
    assert found[2:] == [image for image in ordered[:2] if gaps[image] < 0]


def test_the_panel_holds_the_images_on_which_entries_differ_most():
    (table,) = summarise(FEW).tables
    panel = Panel.of(table)
    rows, images = panel.rows, panel.images
    assert rows == list(table.rows)
    spread = {image: np.var([row.per_image[image] for row in rows]) for image in rows[0].per_image}
    assert [each.image for each in images] == sorted(spread, key=spread.get, reverse=True)[: len(images)]
    old = summarise([replace(each, captions={}) for each in FEW]).tables[0]
    assert Panel.of(old) == Panel([], [])


def test_of_many_entries_the_best_hundred_can_be_compared():
    many = [record(level=0.5 + i / 1000, images=6, parts={"backbone": f"b{i}"}) for i in range(COMPARED + 20)]
    (table,) = summarise(many).tables
    content = json.loads(re.search("<script[^>]*>(.*)</script>", data(table, [], Panel([], []))).group(1))
    assert len(content["pairs"]) == COMPARED
    assert [len(each) for each in content["pairs"]] == list(range(COMPARED))
    assert len(content["rows"]) == COMPARED + 20


def test_the_map_has_a_cell_for_each_entry_and_a_blank_for_each_gap():
    records = grid(lambda b, a, d: 0.5)
    (table,) = summarise(records[1:]).tables
    drawn = heatmap(table)
    assert drawn.count("<td><a") + drawn.count('<td class="s') == len(records) - 1
    assert drawn.count("<td>\u2013</td>") == 1
    assert [step(value, 0.0, 1.0) for value in (0.0, 0.5, 1.0)] == [0, 4, 7]
    assert heatmap(summarise(FEW).tables[0]) == ""  # one part varies


def test_an_image_leads_where_most_runs_say():
    def run(name, address):
        return record(name, samples=({"image": 7, "source": f"http://images.example.org/{address}.jpg"},))

    told = [run(name, address) for name, address in zip("abcd", "2311", strict=True)]
    for runs in (told, told[::-1]):
        assert links(summarise(runs).tables[0]) == {"7": "http://images.example.org/1.jpg"}
    assert links(summarise(told[:2]).tables[0]) == {"7": "http://images.example.org/2.jpg"}


@pytest.mark.parametrize("value", [10**400, -(10**16), math.inf, math.nan, 1.1e15, True, "1", None])
def test_what_no_run_gives_is_no_number(value):
    assert number(value) is None
    assert number(10**15) == 1e15


def test_a_score_below_nothing_is_none():
    (row,) = summarise([record(scores={"CIDEr": -0.1})]).tables[0].rows
    assert row.mean("scores", "CIDEr") is None


@pytest.mark.parametrize(
    "values", [[0.0], [5e-324, 1e15], [1e15, 1e15], [5e-324, 5e-324], [1.0, 1 + 1e-15], [1e-300, 1]]
)
def test_an_axis_holds_whatever_a_run_can_give(values):
    low, high = min(values), max(values)
    for axis in (spread(values, 0, 100), linear(low, high, 0, 100), linear(-high, high, 0, 100)):
        assert all(-1e-6 <= axis.place(value) <= 100 + 1e-6 for value in values)
        assert len(axis.ticks) < 100
        assert all(map(math.isfinite, axis.ticks))


def test_a_name_has_the_options_in_which_it_differs_from_others_of_its_kind():
    texts = [
        "lstm(dim=256)",
        "lstm(attend='after', dim=256)",
        "gru(dim=256)",
        "a(b=1)",
        "a(b=True)",
        "a",
        "c (",
        "luong",
    ]
    assert list(short_names(texts).values()) == [
        "lstm", "lstm(attend='after')", "gru", "a(b=1)", "a(b=True)", "a", "c (", "luong",
    ]  # fmt: skip
    assert list(short_names(["a(b=1, c=2)", "a(c=2, b=1)"]).values()) == ["a(b=1, c=2)", "a(c=2, b=1)"]


def test_what_all_rows_share_stands_once_above_them():
    (board,) = summarise([record(name, seed=seed) for name in ("mean", "luong") for seed in (0, 1)]).tables
    assert board.shared == ["backbone", "decoder"]
    text = str(section(board))
    rows = text[text.index("<tbody>") : text.index("</tbody>")]
    assert "<dt>Backbone</dt>" in text
    assert board.axes["backbone"][0] not in rows
    (alone,) = summarise([record()]).tables
    assert not alone.shared
    assert alone.axes["decoder"][0].partition("(")[0] in str(section(alone)).partition("<tbody>")[2]
