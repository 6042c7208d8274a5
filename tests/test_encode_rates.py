"""Rows with one backbone share its encoding rate, and what is not the same work or no rate does not count in it."""

import pytest
from records import PLACE, record

from benchmarks.leaderboard.tables.columns import rate
from benchmarks.leaderboard.tables.summary import summarise


def timed(attention, encode, *, beam=50.0, **changes):
    """A run whose backbone was timed at `encode` images per second; None: it was not."""
    rates = {"encode_images_per_sec": encode, "beam_images_per_sec": beam}
    found = {name: value for name, value in rates.items() if value is not None}
    return record(attention, **{"throughput": found, "parts": {"backbone": "lite"}} | changes)


def found(*runs):
    """By attention the rate of the backbone and of the whole way, at the place of most rows."""
    (table,) = summarise(runs).tables
    place = table.places[0]
    return {
        row.parts[1] + f" x{row.ensemble}" * bool(row.ensemble) + " on other" * (row.parts[0] == "other"): (
            row.encode_rates.get(place),
            rate(table, place).read(row),
        )
        for row in table.rows
    }


def test_it_is_the_median_of_all_their_timings():
    runs = [timed("mean", 30.0), timed("mean", 50.0, seed=1), timed("luong", 20.0), timed("luong", 90.0, seed=1)]
    alike = pytest.approx((50.0, 25.0))
    assert found(*runs, timed("bahdanau", 300.0)) == {"mean": alike, "luong": alike, "bahdanau": alike}


def test_a_timing_that_several_runs_of_a_process_share_counts_once():
    runs = [timed("mean", 30.0, seed=seed) for seed in range(5)]
    assert found(*runs, timed("luong", 50.0), timed("bahdanau", 60.0))["mean"][0] == 50.0


def test_of_a_seed_that_ran_twice_the_later_timing_counts():
    again = timed("mean", 70.0, finished="2040-01-01T00:00:00+00:00")
    assert found(timed("mean", 10.0), again, timed("luong", 70.0))["luong"][0] == 70.0


@pytest.mark.parametrize(
    "changes",
    [
        {"parts": {"backbone": "other"}},
        {"environment": PLACE | {"encoder": "onnxruntime 1.32.0"}},
        {"environment": PLACE | {"threads": 9}},
        {"request": {"sources": {"backbone weights": "0123"}}, "parts": {"backbone": "lite", "decoder": "gru"}},
        {"flops": {"encode": 3e9, "beam": 1.0}},
    ],
    ids=str,
)
def test_other_work_has_a_rate_of_its_own(changes):
    """Another backbone, runtime, place or version of a file, or one backbone for each member of an ensemble."""
    runs = [timed("luong", 50.0), timed("luong", 50.0, seed=1), timed("mean", 50.0, seed=2)]
    alike = found(*runs, timed("bahdanau", 900.0, **changes))
    assert alike["luong"] == alike["mean"] == pytest.approx((50.0, 25.0))


@pytest.mark.parametrize("bad", [None, 0.0, -1e15])
def test_what_is_no_rate_leaves_those_of_other_rows_alone(bad):
    rates = found(timed("luong", 50.0), timed("mean", bad), timed("bahdanau", 60.0))
    assert rates["luong"][0] == rates["bahdanau"][0] == 55.0
    assert rates["mean"] == (None, None)


def test_a_row_that_was_timed_at_two_places_has_the_rate_of_each():
    far = {"environment": PLACE | {"threads": 9}}
    (table,) = summarise([timed("luong", 50.0), timed("mean", 60.0), timed("mean", 9.0, seed=1, **far)]).tables
    here, there = table.places
    (row,) = (row for row in table.rows if row.parts[1] == "mean")
    assert row.encode_rates == {here: 55.0, there: 9.0}
