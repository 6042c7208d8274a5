"""The card of a run in a browser: from its row and back, its words, its lines to copy, every reader, hostile records."""

from dataclasses import replace

import pytest
from boards import matrix, page
from records import record, sampled
from test_browser_access import FOCUSED, STOPS
from test_browser_safety import ELEMENTS, HANDLERS, PICTURE
from test_leaderboard_files import HOSTILE

# What the veil over the large picture is, by the words of the first sample.
VEIL = """() => {
    const sample = document.querySelector(".sample"), shown = sample.querySelector(".view use").getAttribute("href");
    return shown && [...sample.querySelectorAll(".words button")].findIndex((word) => `#${word.querySelector("image").id}` === shown);
}"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    runs = [replace(sampled(run)[0], captions=run.captions) for run in matrix(2, 2, 1, seeds=2)]
    return page(runs, tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def card(board):
    return sorted((board.parent / "runs").glob("*.html"))[0]


def test_a_row_leads_to_its_card_in_its_theme_and_the_card_back_to_its_row(visit, board):
    opened = visit(board, color_scheme="light")
    opened.page.locator("#theme").click(click_count=2)
    row = opened.page.locator(".rows tbody tr").nth(2)
    name, anchor = row.locator("b").first.inner_text(), row.get_attribute("id")
    row.locator("th a").click()
    opened.page.wait_for_url("**/runs/*")
    opened.page.wait_for_selector("html.on")
    assert name in opened.page.locator("h1").inner_text().replace("\n", "")
    assert opened.texts("#theme") == ["Theme: dark"]
    assert opened.style("body", "backgroundColor") == "rgb(16, 20, 24)"
    card = opened.address
    opened.page.locator(".source a").last.click()  # the other seed
    opened.page.wait_for_function("card => location.href !== card", arg=card)
    opened.page.wait_for_selector("html.on")
    assert opened.texts("#theme") == ["Theme: dark"]
    opened.page.locator("#theme").click()
    opened.page.reload()
    assert (opened.texts("#theme"), opened.style("body", "backgroundColor")) == (["Theme: auto"], "rgb(252, 252, 250)")
    opened.page.get_by_role("link", name="Leaderboard").click()
    opened.page.wait_for_selector(".board")
    assert opened.address.endswith(f"index.html#{anchor}")
    assert opened.page.locator("tr:target").get_attribute("id") == anchor
    assert 0 <= opened.page.locator("tr:target").bounding_box()["y"] <= 900
    assert opened.said == []


@pytest.mark.parametrize("which", ["card", "board"])
def test_pointing_at_a_word_shows_where_the_model_looked_and_a_click_keeps_it(visit, board, card, which):
    opened = visit({"card": card, "board": board}[which])
    words = opened.page.locator(".sample").first.locator(".words button")
    assert opened.page.evaluate(VEIL) is None
    words.nth(2).hover()
    assert opened.page.evaluate(VEIL) == 2
    opened.page.mouse.move(2, 2)
    assert opened.page.evaluate(VEIL) is None
    words.nth(4).focus()
    assert opened.page.evaluate(VEIL) == 4
    opened.page.keyboard.press("Enter")
    words.nth(5).focus()
    assert opened.page.evaluate(VEIL) == 5
    words.nth(5).blur()
    assert opened.page.evaluate(VEIL) == 4
    assert words.evaluate_all(
        "items => items.flatMap((item, place) => item.ariaPressed === 'true' ? [place] : [])"
    ) == [4]
    words.nth(4).click()
    opened.page.mouse.move(2, 2)
    words.nth(4).blur()
    assert opened.page.evaluate(VEIL) is None
    assert opened.page.locator("[aria-pressed=true]").count() == 0
    assert opened.said == []


def test_lines_are_copied_as_they_stand(visit, card):
    opened = visit(card, permissions=["clipboard-read", "clipboard-write"])
    opened.page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true })")
    blocks = opened.page.locator(".copied").all()
    assert len(blocks) == 3
    for block in blocks:
        block.get_by_role("button").click()
        block.get_by_text("Copied", exact=True).wait_for()
        text = block.locator("code").text_content()
        assert opened.page.evaluate("navigator.clipboard.readText()") == text
        assert opened.page.evaluate("getSelection().toString()").strip() == text.strip()


def test_where_copying_is_not_allowed_lines_are_selected(visit, card):
    opened = visit(card)
    opened.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    block = opened.page.locator(".copied").first
    block.get_by_role("button").click()
    block.get_by_text("Selected", exact=True).wait_for()
    assert opened.page.evaluate("getSelection().toString()") == block.locator("code").text_content()


def test_no_rule_of_accessibility_is_broken_and_nothing_scrolls_sideways(visit, card):
    opened = visit(card)
    opened.page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true })")
    for width in (1280, 390):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.emulate_media(color_scheme="light")
        assert opened.rules_broken() == [], width
        assert {"color-contrast", "target-size", "region"} <= opened.rules_run
        opened.page.emulate_media(color_scheme="dark")
        assert opened.rules_broken("color-contrast") == [], width
    for width in (320, 768, 1280):
        opened.page.set_viewport_size({"width": width, "height": 900})
        assert opened.overflow() <= 0
    assert (opened.said, opened.foreign, opened.violations) == ([], [], [])


def test_the_keyboard_reaches_every_word_and_shows_where_it_is(visit, card):
    opened = visit(card)
    stops, seen = opened.page.evaluate(STOPS), {}
    for _ in range(stops + 5):
        opened.page.keyboard.press("Tab")
        here = opened.page.evaluate(FOCUSED)
        if here is None or here[0] in seen:
            break
        seen[here[0]] = here[1:]
    assert len(seen) == stops > 72  # six samples of twelve words
    assert [text for text, shown in seen.values() if not shown] == []
    assert "Skip to the card" in next(iter(seen.values()))[0]


def test_with_scripts_off_and_on_paper_all_is_there(visit, card):
    opened, without = visit(card), visit(card, java_script_enabled=False)
    parts = ("h1", "h2", ".words li", ".sample h4", ".view", ".references li", ".curve", "tbody tr", "dd", "pre")
    shown = {part: opened.texts(part) for part in parts}
    assert {part: without.texts(part) for part in parts} == shown
    assert all(shown.values())
    dead = "items => items.filter((item) => item.checkVisibility() && !item.disabled).map((item) => item.outerHTML)"
    assert without.page.locator("button, input, select").evaluate_all(dead) == []
    opened.page.emulate_media(media="print")
    for part in parts:
        assert len(opened.texts(part)) >= len(shown[part]), part
    assert opened.texts("button:not(.words button)") == []


@pytest.mark.parametrize("text", [*HOSTILE[:3], PICTURE, '"><script>alert(1)</script>'], ids=range(5))
def test_hostile_text_stays_text(visit, tmp_path, text):
    def used(said, folder):
        run, _ = sampled(record(parts=dict.fromkeys(("backbone", "attention", "decoder"), said), dataset=said,
                                environment={said: said}, request={said: said}, weights=said))  # fmt: skip
        told = tuple({**sample, "words": [said] * 12, "references": [said], "source": said} for sample in run.samples)
        file = page([replace(run, samples=told, captions=dict.fromkeys(run.captions, said))], tmp_path / folder)
        opened = visit(next((file.parent / "runs").glob("*.html")), fragment="#theme=<img src=x onerror=alert(1)>")
        opened.page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true })")
        opened.page.locator(".words button").first.click()
        opened.page.locator(".copied button").first.click()
        opened.page.locator("#theme").click()
        return opened

    opened, plain = used(text, "hostile"), used("plain", "plain")
    assert (opened.dialogs, opened.foreign, opened.said, opened.violations) == ([], [], [], [])
    assert {*opened.page.evaluate(ELEMENTS)} - {"wbr"} <= {*plain.page.evaluate(ELEMENTS)}
    assert opened.page.evaluate(ELEMENTS).count("script") == 1
    assert opened.page.evaluate(HANDLERS) == []
