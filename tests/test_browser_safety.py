"""The leaderboard page asks nobody for anything and runs nothing but its own script, whatever records say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from boards import page, small, varied
from browsing import Visit
from records import failure, record
from test_leaderboard_files import HOSTILE

ELEMENTS = "[...document.querySelectorAll('*')].map((item) => item.tagName.toLowerCase())"
HANDLERS = """[...document.querySelectorAll("*")].flatMap((item) => [...item.attributes])
    .filter((each) => each.name.startsWith("on")
        || ["href", "src", "action", "formaction"].includes(each.name) && /^\\s*javascript:/i.test(each.value)).map((each) => each.name)"""
ROOT = Path(__file__).parents[1]
BYTES = """
import hashlib, sys
from pathlib import Path
sys.path[:0] = ["tests", "."]
from boards import varied
from benchmarks.leaderboard import write
for file in write(varied(), Path(sys.argv[1])):
    sys.stdout.write(hashlib.sha256(file.read_bytes()).hexdigest() + "\\n")
"""


def used(opened):
    """Do what a reader does, so that what only happens then happens."""
    for details in opened.page.locator("details").all():
        details.evaluate("item => { item.open = true }")
    opened.page.locator("#theme").click()
    for board in opened.page.locator(".board").all():
        board.locator(".columns").evaluate("item => { item.open = false }")
        board.locator("thead button").first.click()
        board.locator(".columns summary").click()
        board.locator(".columns input:not(:checked)").first.check()
        board.locator(".columns summary").click()
        for tick in board.locator(".rank input").all()[:3]:
            tick.check()
        if board.locator("button[name=swap]").count():
            board.locator("button[name=swap]").click()
        if board.locator("select[name=heatmap]").count():
            board.locator("select[name=heatmap]").select_option(index=3)
        if board.locator("input[type=search]").count():
            board.locator("input[type=search]").fill("l")
        if board.locator("a.dot").count():
            board.locator("a.dot").first.focus()
    opened.page.wait_for_timeout(100)
    return opened


def test_a_used_page_asks_nobody_says_nothing_and_breaks_no_rule_of_its_own(visit, tmp_path):
    opened = used(visit(page([*varied(), *small()], tmp_path)))
    assert opened.foreign == []
    assert opened.violations == []
    assert opened.said == []
    assert opened.dialogs == []


PLANTS = {
    "script": "<script>window.planted = 1</script>",
    "handler": '<p onclick="window.planted = 1" id="press">press</p><script src="planted.js"></script>',
    "picture": '<img src="http://elsewhere.invalid/a.png" onerror="window.planted = 1" alt="">',
    "embedded handler": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="" onload="window.planted = 1">',
    "style": "<style>body { background: url(http://elsewhere.invalid/b.png) }</style>",
    "frame": '<iframe src="http://elsewhere.invalid/" title="x"></iframe>',
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_policy_blocks_what_does_not_belong_to_the_page(visit, tmp_path, plant):
    file = page(small(), tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace("</main>", f"{PLANTS[plant]}</main>"), encoding="utf-8")
    opened = visit(file)
    if plant == "handler":
        opened.page.locator("#press").click()
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.planted ?? null") is None
    assert opened.violations != []
    assert (
        opened.page.evaluate(
            "[...document.images].filter((each) => !each.src.startsWith('data:') && each.naturalWidth)"
        )
        == []
    )
    assert opened.texts(".rows tbody th") != []


def test_requests_of_a_page_without_policy_would_be_noticed(visit, tmp_path):
    file = tmp_path / "planted.html"
    file.write_text(
        f"<!DOCTYPE html><title>x</title>{PLANTS['picture']}<link rel=icon href=icon.png>", encoding="utf-8"
    )
    opened = visit(file)
    opened.page.wait_for_timeout(100)
    assert "http://elsewhere.invalid/a.png" in opened.foreign
    assert opened.said != []
    assert opened.page.evaluate("window.planted") == 1


def test_a_dialog_would_be_noticed(visit, tmp_path):
    file = tmp_path / "planted.html"
    file.write_text("<!DOCTYPE html><title>x</title><script>alert(1)</script>", encoding="utf-8")
    assert visit(file).dialogs == ["1"]


def every_text(text):
    """Records that say `text` wherever they may say anything."""
    parts = {"backbone": text, "attention": text, "decoder": text}
    words = {"dataset": text, "split": text, "signature": text, "weights": text, "finished": text}
    shared = {"environment": {"device": text, "processor": text, text: text}, "data": {"fingerprint": text, text: text}}
    runs = [record(parts=parts | {"attention": f"{text}{place}"}, level=0.5 + place / 9, origins={"attention": text},
                   diagnostics={text: 0.5}, request={text: text}, **words, **shared) for place in range(3)]  # fmt: skip
    return [*runs, failure(text, parts=parts, **words, **shared)]


@pytest.fixture(scope="module")
def plain(browser, tmp_path_factory):
    """The elements of a page of harmless text."""
    opened = used(Visit(browser, page(every_text("plain"), tmp_path_factory.mktemp("plain"))))
    kinds = {*opened.page.evaluate(ELEMENTS)}
    opened.close()
    return kinds


PICTURE = '<img src=x onerror="alert(1)"><svg onload=alert(1)><iframe srcdoc="<script>alert(1)</script>">'


@pytest.mark.parametrize("text", [*HOSTILE, PICTURE, "javascript:alert(1)"], ids=range(len(HOSTILE) + 2))
def test_hostile_text_stays_text(visit, tmp_path, plain, text):
    opened = used(visit(page(every_text(text), tmp_path / "hostile")))
    assert opened.dialogs == []
    assert opened.foreign == []
    assert opened.said == []
    assert opened.violations == []
    kinds = {*opened.page.evaluate(ELEMENTS)}
    assert kinds - {"wbr"} <= plain
    kinds = opened.page.evaluate("[...document.scripts].map((each) => each.type)")
    assert sorted(kinds) == ["", *["application/json"] * len(opened.page.locator(".board").all())]
    assert opened.page.evaluate(HANDLERS) == []


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_records_give_the_same_bytes_in_every_process(tmp_path, seed):
    runs = [
        subprocess.run(
            [sys.executable, "-c", BYTES, str(tmp_path / number)],
            cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": number}, capture_output=True, text=True, check=True,
        ).stdout
        for number in ("0", seed)
    ]  # fmt: skip
    assert runs[0] == runs[1]
    assert runs[0].count("\n") == 3 + 24  # and a card for each finished run
