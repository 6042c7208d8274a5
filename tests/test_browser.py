"""The leaderboard page in a browser: what a reader can do with it."""

import os
import re
from pathlib import Path

import pytest
from boards import page, small, varied
from browsing import HERE
from records import record

COLUMNS = 24  # rank, entry, seven scores, six speeds, four sizes, five checks of `varied`
BLANKS = ("–", "-")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return page(varied(), tmp_path_factory.mktemp("varied"))


@pytest.fixture
def opened(visit, board):
    """The page with all columns shown."""
    opened = visit(board)
    opened.page.evaluate(ALL)
    yield opened
    assert opened.said == []


ALL = "document.querySelectorAll('.columns input:not(:checked)').forEach((box) => box.click())"
READ = """index => [...document.querySelectorAll(".rows tbody tr")].map((row) => {
    const cell = row.cells[index];
    return [cell.tagName, (cell.querySelector(":scope > div > b") ?? cell).innerText];
})"""
PRESS = """index => {
    const head = document.querySelectorAll(".rows thead th")[index];
    head.querySelector("button").click();
    return [head.getAttribute("aria-sort"), document.querySelectorAll("[aria-sort]").length];
}"""


def cells(visit, index):
    """What a reader sees of a column: names by their words and numbers, figures, None for a blank."""
    return [in_order(text) if tag == "TH" else figure(text.strip()) for tag, text in visit.page.evaluate(READ, index)]


def in_order(name):
    bits = re.findall(r"\d+|[a-z]+", name.lower())
    return [(0, int(bit), "") if bit.isdigit() else (1, 0, bit) for bit in bits]


def figure(text):
    return None if text in BLANKS else float(re.search(r"[\d.]+", text.replace("\u2009", ""))[0])


def heads(visit):
    return visit.page.locator(".rows thead th")


def test_every_column_sorts_both_ways_with_blanks_last(opened):
    names = heads(opened).all_inner_texts()
    assert len(names) == COLUMNS
    blanks = 0
    for index, name in enumerate(names):
        seen = set()
        for _ in range(2):
            direction, marked = opened.page.evaluate(PRESS, index)
            assert marked == 1
            values = cells(opened, index)
            known = [value for value in values if value is not None]
            blanks += len(values) - len(known)
            assert known == sorted(known, reverse=direction == "descending"), (name, direction)
            assert values[len(known) :] == [None] * (len(values) - len(known)), name
            seen.add(direction)
        assert seen == {"ascending", "descending"}
    assert blanks >= 10  # of the entry that lacks most


def test_one_press_sorts_figures_from_the_largest_and_names_from_a(opened):
    for name, direction in (("Rank", "ascending"), ("Entry", "ascending"), ("METEOR", "descending")):
        button = opened.page.get_by_role("button", name=name, exact=True)
        button.click()
        head = button.locator("xpath=ancestor::th")
        assert head.get_attribute("aria-sort") == direction
        button.click()
        assert head.get_attribute("aria-sort") == {"ascending": "descending"}.get(direction, "ascending")


def test_rows_that_a_column_cannot_part_stay_in_the_order_of_the_table(opened):
    before = opened.texts(".rows tbody th")
    seeds = opened.page.get_by_role("button", name="Seeds", exact=True)
    for _ in range(2):
        seeds.click()
        assert opened.texts(".rows tbody th") == before


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_sorts_and_keeps_its_place(opened, key):
    button = opened.page.get_by_role("button", name="Entry", exact=True)
    button.focus()
    opened.page.keyboard.press(key)
    assert opened.page.locator("[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert opened.page.evaluate("document.activeElement.textContent") == "Entry"
    values = cells(opened, 1)
    assert values == sorted(values)
    opened.page.keyboard.press(key)
    assert cells(opened, 1) == values[::-1]


def test_every_choice_shows_its_rows_and_says_how_many(opened):
    everything = opened.texts(".rows tbody th")
    selects = opened.page.locator("form select:not([name=rows])").all()
    assert [select.get_attribute("name") for select in selects] == ["backbone", "attention", "decoder"]
    for select in selects:
        options = [option.get_attribute("value") for option in select.locator("option").all()]
        for value in filter(None, options):
            select.select_option(value)
            wanted = [text for text in everything if value.replace(" ", "") in text.replace(" ", "")]
            assert opened.texts(".rows tbody th") == wanted
            assert 0 < len(wanted) < len(everything)
            assert opened.texts("form output") == [f"{len(wanted)} of {len(everything)} shown"]
            assert faint(opened) == hidden(opened)
        select.select_option("")
        assert opened.texts(".rows tbody th") == everything
    assert faint(opened) == hidden(opened) == set()


def hidden(visit):
    """The rows with a dot that are not shown."""
    return set(visit.page.evaluate(HIDDEN)) & dots(visit)


def dots(visit):
    return {target[1:] for target in visit.page.evaluate(DOTS)}


def faint(visit):
    """The rows whose dots are dimmed, by what is painted."""
    return {target[1:] for target in visit.page.evaluate(FAINT)}


HIDDEN = "[...document.querySelectorAll('.rows tbody tr')].filter((row) => !row.checkVisibility()).map((row) => row.id)"
DOTS = "[...document.querySelectorAll('a.dot')].map((dot) => dot.getAttribute('href'))"
FAINT = DOTS.replace(".map", ".filter((dot) => getComputedStyle(dot).opacity < 0.5).map")


def test_choices_and_words_are_met_together_and_in_any_case(opened):
    opened.page.locator("form select[name=attention]").select_option("luong")
    opened.page.get_by_label("Find").fill("GRU  resnet18")
    (row,) = opened.texts(".rows tbody th")
    assert all(word in row for word in ("luong", "gru", "resnet18"))
    assert opened.texts("form output") == ["1 of 12 shown"]
    opened.page.get_by_label("Find").fill("")
    assert len(opened.texts(".rows tbody th")) == 4


def test_where_nothing_matches_the_page_says_so(opened):
    opened.page.get_by_label("Find").fill("no such part")
    assert opened.texts(".rows tbody th") == []
    assert opened.texts(".none") == ["No entry matches."]
    assert opened.texts("form output") == ["0 of 12 shown"]
    opened.page.get_by_label("Find").fill("")
    assert opened.texts(".none") == []
    assert len(opened.texts(".rows tbody th")) == 12


def test_sorting_keeps_the_filter_and_enter_sends_nothing(opened):
    opened.page.get_by_label("Find").fill("luong")
    shown = set(opened.texts(".rows tbody th"))
    opened.page.get_by_label("Find").press("Enter")
    opened.page.get_by_role("button", name="Beam", exact=True).click()
    assert set(opened.texts(".rows tbody th")) == shown
    assert len(opened.requests) == 1


def test_the_counter_is_announced(opened):
    assert opened.page.locator("form output").get_attribute("aria-live") == "polite"


def test_a_row_and_its_dot_point_at_each_other(opened):
    assert len(dots(opened)) == 11  # of twelve, one has no speed
    for name in sorted(dots(opened))[:2]:
        row, dot = opened.page.locator(f"tr#{name}"), opened.page.locator(f'a.dot[href="#{name}"]')
        plain = row.evaluate("item => getComputedStyle(item).backgroundColor")
        thin = dot.locator(".shape").evaluate("item => getComputedStyle(item).strokeWidth")
        row.hover()
        assert dot.locator(".shape").evaluate("item => getComputedStyle(item).strokeWidth") > thin
        dot.locator(".shape").hover(force=True)
        assert row.evaluate("item => getComputedStyle(item).backgroundColor") != plain
        opened.page.mouse.move(2, 2)
        assert row.evaluate("item => getComputedStyle(item).backgroundColor") == plain
        dot.focus()
        assert row.evaluate("item => getComputedStyle(item).backgroundColor") != plain
        opened.page.get_by_label("Find").focus()
        assert opened.page.locator(".hit").count() == 0


def test_a_dot_leads_to_its_row(opened):
    dot = opened.page.locator("a.dot").first
    dot.focus()
    opened.page.keyboard.press("Enter")
    assert opened.address.endswith(dot.get_attribute("href"))
    assert opened.page.locator("tr:target").evaluate(
        "row => { const box = row.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight }"
    )


def test_arrow_keys_walk_through_the_plot_from_left_to_right(opened):
    def across():
        return opened.page.evaluate("document.activeElement.querySelector('.shape').getBoundingClientRect().left")

    opened.page.locator("a.dot[tabindex='0']").focus()
    for _ in range(11):
        opened.page.keyboard.press("ArrowLeft")
    way = [across()]
    for _ in range(10):
        opened.page.keyboard.press("ArrowRight")
        way.append(across())
    assert way == sorted(set(way))
    assert opened.page.locator("a.dot[tabindex='0']").count() == 1
    opened.page.keyboard.press("ArrowRight")
    assert across() == way[-1]
    opened.page.keyboard.press("ArrowLeft")
    assert across() == way[-2]


def brightness(visit):
    return sum(map(int, re.findall(r"\d+", visit.style("body", "backgroundColor"))[:3])) / 765


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_light_or_dark_as_the_reader_set_it(visit, board, scheme):
    opened = visit(board, color_scheme=scheme)
    assert (brightness(opened) > 0.5) == (scheme == "light")
    button = opened.page.locator("#theme")
    seen = []
    for _ in range(3):
        button.click()
        seen.append((button.inner_text(), brightness(opened) > 0.5))
    assert seen == [("Theme: light", True), ("Theme: dark", False), ("Theme: auto", scheme == "light")]


def test_controls_of_one_table_leave_the_others_alone(visit, tmp_path):
    opened = visit(page(small(), tmp_path))
    first, second = opened.page.locator(".board").all()
    before = second.inner_text()
    first.get_by_label("Find").fill("mean")
    first.get_by_role("button", name="Entry", exact=True).click()
    assert second.inner_text() == before
    assert first.locator("output").inner_text().startswith("1 of ")


def test_a_table_of_one_row_works(visit, tmp_path):
    opened = visit(page([record()], tmp_path))
    opened.page.get_by_role("button", name="CIDEr", exact=True).click()
    assert opened.said == []
    assert len(opened.texts(".rows tbody th")) == 1


def test_without_records_the_page_still_works(visit, tmp_path):
    opened = visit(page([], tmp_path))
    assert opened.said == []
    opened.page.locator("#theme").click()
    assert opened.texts(".empty h2") == ["No finished runs yet"]


SIGHTS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "width": 390, "height": 844},
    "no-scripts": {"color_scheme": "light", "java_script_enabled": False},
}


@pytest.mark.parametrize("name", SIGHTS)
def test_screenshots_are_kept(visit, board, name):
    folder = Path(os.environ.get("CAPTION_ZOO_SCREENSHOTS") or HERE / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"leaderboard-{name}.png"
    visit(board, **SIGHTS[name]).page.screenshot(path=file, full_page=True)
    assert file.read_bytes().startswith(b"\x89PNG")
