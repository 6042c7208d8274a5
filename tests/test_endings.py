"""The rate of bad endings: of captions, in records and on the page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from honest import PUBLISHED
from records import FEW, sealed

from benchmarks.evaluation.endings import BAD_ENDINGS, bad_ending_rate
from benchmarks.leaderboard.card.scores import scores
from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import RunRecord
from benchmarks.verification.checker import endings as checker
from benchmarks.verification.checker.check import check_values

COCO = PUBLISHED.with_name("c185b2250475.json")


@pytest.mark.parametrize(
    ("captions", "rate"),
    [
        (["a man standing on a", "a man standing on a bench"], 0.5),
        (["a plate of", "two dogs and", "the cat is", "a bus near"], 1.0),
        (["a man with a hat on the street", "a train passing by", "people walking around", "trees outside"], 0.0),
        (["a banana", "the fan", "a lamp is on of course"], 0.0),
        (["", "a"], 0.5),
        ([], 0.0),
    ],
)
def test_a_caption_that_breaks_off_is_counted(captions: list[str], rate: float) -> None:
    assert bad_ending_rate(caption.split() for caption in captions) == rate


def test_the_checker_has_the_same_words() -> None:
    assert checker.BAD_ENDINGS == BAD_ENDINGS


@pytest.mark.parametrize("file", [COCO, PUBLISHED], ids=["photographs", "scenes"])
def test_a_rate_that_the_captions_do_not_give_is_caught(file: Path) -> None:
    record = json.loads(file.read_text())
    captions = [caption.split() for caption in record["captions"].values()]
    assert list(check_values(record)) == []
    for rate in (bad_ending_rate(captions) + 1 / len(captions), None):
        diagnostics = {**record["diagnostics"], "bad_endings": rate}
        edited = {**record, "diagnostics": {name: value for name, value in diagnostics.items() if value is not None}}
        assert any("its captions give bad_endings" in problem for problem in check_values(sealed(edited)))


def test_the_page_can_show_it_beside_records_that_have_none() -> None:
    runs = [replace(FEW[0], diagnostics={**FEW[0].diagnostics, "bad_endings": 0.25}), *FEW[1:]]
    (table,) = summarise(runs).tables
    *others, column = [each for each in columns(table) if each.key.startswith("check.")]
    assert (column.key, column.title, column.main) == ("check.bad_endings", "bad endings", False)
    assert [each.main for each in others] == [True, True, True, *[False] * (len(others) - 3)]
    assert sorted(column.text(row) for row in table.rows) == ["25.0", "\u2013", "\u2013"]
    assert not any(each.key == "check.bad_endings" for each in columns(summarise(FEW).tables[0]))


def test_a_card_shows_it_where_the_record_has_it() -> None:
    run = RunRecord.load(COCO)
    for diagnostics, rows in (({}, []), ({"bad_endings": 0.02}, [("bad endings", ["2.0"])])):
        record = replace(run, diagnostics=diagnostics)
        (table,) = summarise([record]).tables
        assert scores(record, table, table.rows[0]).tables["Diagnostics, %"] == rows
