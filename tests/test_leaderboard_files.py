"""The leaderboard's files: well formed, offline, complete, and what records say stays text."""

import base64
import csv
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from records import COCO, FEW, PLACE, failure, record

from benchmarks.leaderboard import write
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import RunRecord

VOID = {"meta", "input", "wbr", "link", "br", "img"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u202c\x00\x1b[31m",
    "a`|b` <b> [x](y)",
    '" onload="x',
]


class Page(HTMLParser):
    """Reads a page the strict way: what is opened is closed, and in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.said = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += "" if self.open and self.open[-1] in ("script", "style") else data


def made(records: list[RunRecord], folder: Path) -> tuple[str, str, list[dict[str, str]]]:
    texts = [path.read_text(encoding="utf-8") for path in write(records, folder)]
    return texts[0], texts[1], list(csv.DictReader(io.StringIO(texts[2])))


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path):
    twice = [record("luong", level=level, data={}) for level in (0.2, 0.3)]  # one seed, finished at once
    records = [*FEW, *twice, record(**COCO), failure(attention="luong"), record("luong", seed=1)]
    once, again = write(records, tmp_path / "a"), write(records[::-1], tmp_path / "b")
    assert [path.name for path in once[:3]] == ["index.html", "leaderboard.md", "leaderboard.csv"]
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text, tmp_path):
    parts = {"backbone": text, "attention": text, "decoder": text}
    words = {"dataset": text, "split": text, "signature": text, "weights": text, "finished": text}
    runs = [record(parts=parts, origins={"attention": text}, diagnostics={text: 0.5}, request={text: text}, **words)]
    runs += [replace(runs[0], status="failed", error=text, seed=text), record(parts={"attention": "b"}, **words)]
    page, markdown, rows = made(runs, tmp_path)
    plain, read = Page(made(FEW, tmp_path / "plain")[0]), Page(page)
    assert {name for _, name, _ in read.attributes} <= {name for _, name, _ in plain.attributes} | {"hidden"}
    assert page.count("<script") == page.count("</script") == 1 + page.count('<section class="board"')
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page + markdown + str(rows))
    assert not re.search(r"</?(script|b)>", re.sub(r"(`+)[^`].*?(?<!`)\1(?!`)", "", markdown))
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@" and cell]
    assert text in read.said or text != "".join(filter(str.isprintable, text))


def test_backticks_and_pipes_stay_in_their_cell_of_the_markdown(tmp_path):
    _, markdown, _ = made([record("a`|b`")], tmp_path)
    assert "| `` a`\\|b` `` | `lstm(dim=256)` |" in markdown


def test_the_markdown_says_what_the_page_finds(tmp_path):
    page, markdown, _ = made(FEW, tmp_path)
    answers = re.findall(r"^- \*\*([A-Z][\w ]+): ([^*]+)\.\*\* (.+)$", markdown, re.MULTILINE)
    assert [question for question, *_ in answers] == ["Best captions", "Best trade", "What mattered"]
    for question, answer, text in answers:
        assert question in page
        assert answer in page
        assert text.count("`") % 2 == 0


def test_names_in_what_the_markdown_finds_stay_names(tmp_path):
    place = {**PLACE, "processor": "Xeon CPU @ 2.20GHz _x_ www.example.org"}
    untimed = replace(record("a` <b>x</b>", level=0.9), throughput={}, environment=place)
    _, markdown, _ = made([untimed, *(replace(each, environment=place) for each in FEW)], tmp_path)
    (line,) = [line for line in markdown.splitlines() if line.startswith("- **Best trade")]
    spans = re.findall(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", line)
    assert [text.strip() for _, text in spans if "<b>" in text] == ["a` <b>x</b>"]
    assert not re.search(r"[<@_]|www", re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line))


def test_the_page_loads_nothing_and_its_policy_names_its_own_script_and_style(tmp_path):
    page, _, _ = made(FEW, tmp_path)
    policy = next(value for tag, name, value in Page(page).attributes if name == "content" and "default-src" in value)
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    names = {(tag, name) for tag, name, _ in Page(page).attributes}
    assert not [name for _, name in names if name in ("style", "src", "srcset", "action") or name.startswith("on")]
    links = {value for _, name, value in Page(page).attributes if name == "href" and not value.startswith("#")}
    assert links == {"leaderboard.csv", "leaderboard.md", *(f"runs/{run.id}.html" for run in FEW)}
    assert all((tmp_path / link).is_file() for link in links)
    assert not re.search(r"https?://|@import|url\(|innerHTML", page)


def test_drawn_scenes_random_weights_and_plugins_are_announced(tmp_path):
    runs = [record(weights="random"), record("mine", origins={"attention": "/home/me/mine.py"})]
    for text in made(runs, tmp_path)[:2]:
        assert "Synthetic scenes, not photographs: these scores say nothing of COCO." in text
        assert text.count("Backbones with random weights: these scores say nothing of trained ones.") == 1
        assert "plug-in mine.py" in text
        assert "/home/me" not in text
    assert "Synthetic scenes" not in made([record(**COCO)], tmp_path)[0]


def test_few_photographs_are_announced_as_a_sample(tmp_path):
    few, whole = ({"train": count, "test": 347} for count in (2040, 113_287))
    for text in made([record(**COCO, data=few)], tmp_path)[:2]:
        assert "A small sample: trained on 2\u2009040 photographs, tested on 347 images." in text
    assert "A small sample" not in made([record(**COCO, data=whole)], tmp_path)[0]
    assert "A small sample" not in made([record(data=few)], tmp_path)[0]


def test_held_out_images_have_a_table_of_their_own_that_says_so(tmp_path):
    held_out = {"dataset": "coco(holdout=0.15)", "split": "train2017-holdout", "synthetic": False}
    whole = {"dataset": "coco", "split": "val2017", "synthetic": False}
    data = {"train": 113_287, "held_out_from": "train2017"}
    runs = [record(**whole, data={"train": 113_287}), record(**held_out, data=data)]
    assert [len(table.rows) for table in summarise(runs).tables] == [1, 1]
    for text in made(runs, tmp_path)[:2]:
        assert text.count("Tested on images held out from train2017: these scores choose settings") == 1


def test_failed_runs_are_listed_with_their_reason(tmp_path):
    for runs in ([failure("it broke", attention="luong")], [*FEW, failure("it broke")]):
        page, markdown, rows = made(runs, tmp_path)
        assert "1 run failed" in Page(page).said
        assert "it broke" in Page(page).said
        assert "`it broke`" in markdown
        assert len(rows) == len(runs) - 1


def test_without_records_the_page_says_how_to_make_some(tmp_path):
    page, markdown, rows = made([], tmp_path)
    assert "caption-zoo run quickstart" in Page(page).said
    assert "No finished runs yet" in markdown
    assert rows == []


def test_a_run_without_scores_per_image_has_no_interval_and_no_rank(tmp_path):
    page, markdown, rows = made([record(per_image={}), record("luong", level=0.3)], tmp_path)
    assert [(row["rank_first"], row["rank_last"], row["CIDEr_low"] != "") for row in rows] == [
        ("", "", False),
        ("1", "2", True),
    ]
    assert '<td class="rank">-</td>' in page
    assert "- Backbone: `efficientnet_lite`\n" in markdown
    assert "\n| - | `bahdanau` |" in markdown
    page, _, _ = made([record(per_image={}), record("luong", per_image={})], tmp_path)
    assert "there are no intervals and no ranks" in Page(page).said


def test_a_table_of_one_row_claims_no_comparison(tmp_path):
    page, _, (row,) = made([record()], tmp_path)
    assert (row["rank_first"], row["rank_last"]) == ("1", "1")
    assert "Nothing to compare yet" in Page(page).said
    assert "Speed against quality" not in Page(page).said


def test_one_seed_is_said_to_leave_out_the_luck_of_training(tmp_path):
    assert "not the luck of training" in made(FEW, tmp_path)[1]
    assert "SD between seeds" in made([*FEW, record("mean", seed=1, level=0.5)], tmp_path)[1]
