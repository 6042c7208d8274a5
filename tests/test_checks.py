"""The table of a data set's checks: the mean of the seeds, the lowest and the highest."""

import importlib.util
from pathlib import Path

import pytest
from records import record

from benchmarks.leaderboard.tables.checks import checks
from benchmarks.leaderboard.tables.summary import summarise

PAGE = Path(__file__).parents[1] / "docs" / "generate.py"


def runs(attention, *values, level=0.7, **changes):
    """One for each seed."""
    return [
        record(attention, seed=seed, level=level, diagnostics=value, **changes) for seed, value in enumerate(values)
    ]


def lines(records, *names):
    (table,) = summarise(records).tables
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in checks(table, names).splitlines()]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generated_pages", PAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_check_is_the_mean_of_its_seeds_between_the_lowest_and_the_highest():
    several = runs("luong", {"binding": 0.5}, {"binding": 0.2}, {"binding": 0.8})
    heads, _, row = lines(several, "binding", "pointing")
    assert heads == ["", "attribute binding", "pointing", "Seeds"]
    assert row[1:] == ["50.0 (20.0 to 80.0)", "–", "3"]


def test_one_seed_has_no_range_and_a_seed_without_the_check_no_mean():
    alone = runs("mean", {"binding": 0.25, "pointing": 0.0}, level=0.9)
    partly = runs("luong", {"binding": 0.5, "pointing": 0.5}, {"binding": 0.7}, level=0.5)
    found = {row[0]: row[1:] for row in lines([*alone, *partly], "binding", "pointing")[2:]}
    assert found == {"`mean`": ["25.0", "0.0", "1"], "`luong`": ["60.0 (50.0 to 70.0)", "–", "2"]}


def test_the_page_shows_runs_of_attention_check_alone(generate):
    ours = runs("luong", {"binding": 0.5}, {"binding": 0.7}, experiment="attention-check")
    others = runs("bahdanau", {"binding": 0.9}, level=0.8, experiment="quickstart")
    page = "\n".join(generate._attention_checks([*ours, *others]))
    assert "60.0 (50.0 to 70.0)" in page
    assert "90.0" not in page
    assert list(generate._attention_checks(others)) == ["There are no records of it here yet."]


def test_the_page_names_what_is_above_the_control_with_each_seed(generate):
    control = runs("mean", {"binding": 0.5, "relation": 0.3, "pointing": 0.0, "pointing_chance": 0.1},
                   {"binding": 0.7, "relation": 0.4, "pointing": 0.0, "pointing_chance": 0.1}, experiment="attention-check")  # fmt: skip
    better = runs("luong", {"binding": 0.6, "relation": 0.5, "pointing": 0.3, "pointing_chance": 0.1},
                  {"binding": 0.9, "relation": 0.6, "pointing": 0.2, "pointing_chance": 0.1}, experiment="attention-check")  # fmt: skip
    alone = runs("cosine", {"binding": 0.9, "relation": 0.9, "pointing": 0.9, "pointing_chance": 0.1}, experiment="attention-check")  # fmt: skip
    worse = runs(
        "area",
        {"binding": 0.1, "pointing": 0.2, "pointing_chance": 0.1},
        {"binding": 0.1},
        experiment="attention-check",
    )
    *_, last = generate._attention_checks([*control, *better, *alone, *worse])
    expected = "`luong` (spatial relation, pointing)"
    assert last == f"In every seed above the control, of pointing above chance: {expected}."
