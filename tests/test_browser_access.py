"""The leaderboard page for every reader: rules of accessibility, keyboard alone, narrow, printed, in forced colours."""

import pytest
from boards import moved, page, small, varied
from records import failure, record

MISSED = """() => {
    const clipped = [...document.querySelectorAll("*")].filter((item) =>
        getComputedStyle(item).overflowX !== "visible" && item.scrollWidth > item.clientWidth + 1 && item.clientWidth > 1);
    return clipped.map((item) => item.className || item.tagName);
}"""
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
    .filter((item) => item.checkVisibility() && item.tabIndex >= 0 && !item.disabled).length"""
FOCUSED = """() => {
    const item = document.activeElement;
    if (item === document.body) return null;
    if (!item.dataset.stop) item.dataset.stop = String(document.querySelectorAll("[data-stop]").length + 1);
    const style = getComputedStyle(item), path = item.querySelector(".shape");
    const shape = path && item.closest(".plot") ? parseFloat(getComputedStyle(path).strokeWidth) >= 2.4 : false;
    const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const box = item.getBoundingClientRect();
    const seen = box.bottom > 0 && box.top < innerHeight && box.width > 0 && box.right > 0;
    return [item.dataset.stop, item.outerHTML.slice(0, 80), (outline || shape) && seen];
}"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return page(varied(), tmp_path_factory.mktemp("varied"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return page(small(), tmp_path_factory.mktemp("small"))


def test_no_rule_of_accessibility_is_broken(visit, tmp_path):
    opened = visit(page([*moved(), *small()], tmp_path), color_scheme="light")
    opened.page.locator(".rank input").nth(1).check()
    opened.page.locator(".made").evaluate_all("all => all.forEach((item) => { item.open = true })")
    assert opened.rules_broken() == []
    assert {"color-contrast", "target-size", "label", "region"} <= opened.rules_run
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.page.locator(".columns").evaluate_all("all => all.forEach((item) => { item.open = true })")
    opened.page.locator(".columns input:not(:checked)").first.check()
    assert opened.rules_broken() == []
    opened.page.emulate_media(color_scheme="dark")
    assert opened.rules_broken("color-contrast") == []
    opened.page.set_viewport_size({"width": 1280, "height": 900})
    opened.page.locator(".columns").evaluate_all("all => all.forEach((item) => { item.open = false })")
    assert opened.rules_broken("color-contrast") == []
    assert opened.rules_run == {"color-contrast"}


@pytest.mark.parametrize("records", [[], small()[-1:]], ids=["nothing", "only a failure"])
def test_no_rule_is_broken_where_there_are_no_tables(visit, tmp_path, records):
    assert visit(page(records, tmp_path)).rules_broken() == []


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        (">Find<input", "><input", "label"),
        ("--dim: light-dark(#59626d", "--dim: light-dark(#a9b2bd", "color-contrast"),
        ('<html lang="en">', "<html>", "html-has-lang"),
    ],
)
def test_a_broken_page_would_be_noticed(visit, two, tmp_path, good, bad, rule):
    text = two.read_text(encoding="utf-8")
    assert good in text
    broken = tmp_path / "broken.html"
    broken.write_text(unlocked(text.replace(good, bad)), encoding="utf-8")
    opened = visit(broken, color_scheme="light")
    assert rule in {line.partition(":")[0] for line in opened.rules_broken()}


def unlocked(text):
    """Without its policy, which would refuse an edited style."""
    start = text.index('<meta http-equiv="Content-Security-Policy"')
    return text[:start] + text[text.index(">", start) + 1 :]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit, two):
    opened = visit(two)
    stops, seen = opened.page.evaluate(STOPS), {}
    for _ in range(stops + 5):
        opened.page.keyboard.press("Tab")
        here = opened.page.evaluate(FOCUSED)
        if here is None or here[0] in seen:
            break
        seen[here[0]] = here[1:]
    assert len(seen) == stops
    assert [text for text, shown in seen.values() if not shown] == []
    assert "Skip to the results" in next(iter(seen.values()))[0]


def test_a_focus_that_does_not_show_would_be_noticed(visit, two, tmp_path):
    broken = tmp_path / "broken.html"
    text = unlocked(two.read_text(encoding="utf-8"))
    broken.write_text(text.replace("</style>", "button:focus-visible { outline: none; }</style>"), encoding="utf-8")
    opened = visit(broken)
    opened.page.locator("#theme").focus()
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Shift+Tab")
    assert opened.page.evaluate(FOCUSED)[2] is False


@pytest.mark.parametrize("which", ["board", "two", "long"])
def test_the_page_never_scrolls_sideways(visit, board, two, tmp_path, which):
    name = "averyveryverylongname" * 6
    files = {"board": board, "two": two}
    opened = visit(files.get(which) or page([*small(), *long(name)], tmp_path))
    for width in (320, 390, 768, 1280):
        opened.page.set_viewport_size({"width": width, "height": 900})
        assert opened.page.evaluate("innerWidth") == width
        for closed in (True, False):
            opened.page.locator("details").evaluate_all(
                "(all, closed) => all.forEach((item) => { item.open = !closed })", closed
            )
            assert opened.overflow() <= 0, (width, closed)
        opened.page.locator(".columns input:not(:checked)").first.check()
        assert opened.overflow() <= 0, width


def long(name):
    """Records whose every text is one long word."""
    words = {"dataset": name, "signature": name, "weights": name}
    parts = {"backbone": name, "decoder": name}
    return [record(name, parts=parts, **words), record("b", parts=parts, **words), failure(name, attention=name)]


def test_a_wide_page_would_be_noticed(visit, two, tmp_path):
    broken = tmp_path / "broken.html"
    text = unlocked(two.read_text(encoding="utf-8"))
    broken.write_text(text.replace("</style>", "h1 { width: 340px; }</style>"), encoding="utf-8")
    assert visit(broken, width=320).overflow() > 0


def test_on_a_phone_rank_name_and_score_fit_beside_each_other(visit, board):
    opened = visit(board, width=320)
    assert opened.overflow(".rows") <= 0
    assert len(opened.texts(".rows tbody tr:first-child > *")) == 3
    assert len(opened.texts(".rows tbody th")) == 12


PARTS = (
    ".rows tbody tr", ".findings h3", ".findings p", "a.dot > path", "#failed li", "#reading dt", ".heatmap td", ".forest tr",
    ".verdict", ".comparison tbody tr", ".images li", ".excerpt h4", ".words li",
)  # fmt: skip


def test_with_scripts_off_all_is_there_and_nothing_is_dead(visit, board):
    with_scripts, without = visit(board), visit(board, java_script_enabled=False)
    for part in PARTS:
        assert without.texts(part) == with_scripts.texts(part) != [], part
    assert without.texts(".bar .nojs") == ["Sorting and filtering need scripts; all else is here."]
    assert with_scripts.texts(".nojs") == []
    alive = without.page.locator("button, input, select").evaluate_all(
        "items => items.filter((item) => item.checkVisibility() && !item.disabled).map((item) => item.outerHTML)"
    )
    assert alive == []
    before = without.texts(".rows thead th")
    without.page.locator(".columns summary").click()
    without.page.get_by_label("ROUGE-L", exact=True).check()
    without.page.get_by_label("METEOR", exact=True).uncheck()
    after = [name for name in without.texts(".rows thead th") if name.startswith(("ROUGE", "METEOR"))]
    assert after == ["ROUGE-L× 100"]
    assert len(without.texts(".rows thead th")) == len(before)
    assert [name for name in without.texts(".comparison tbody th") if name in ("ROUGE-L", "METEOR")] == ["ROUGE-L"]
    without.page.locator(".made summary").click()
    assert without.texts(".made dd") != []


def test_print_loses_nothing(visit, board):
    opened = visit(board, width=794)  # A4
    details = opened.page.locator(".made dl").first
    assert not details.is_visible()
    shown = {part: opened.texts(part) for part in (*PARTS, ".comparison label", ".heatmap label")}
    opened.page.emulate_media(media="print")
    assert {part: opened.texts(part) for part in shown} == shown
    assert opened.texts(".bar") == []
    assert details.is_visible()
    assert opened.page.evaluate(MISSED) == []
    assert opened.overflow() <= 794  # printers' browsers shrink what is up to twice as wide as the paper
    assert opened.page.pdf(format="A4").startswith(b"%PDF")


def test_in_forced_colours_marks_and_ties_are_told_apart(visit, board):
    opened = visit(board, forced_colors="active")
    assert opened.page.evaluate("matchMedia('(forced-colors: active)').matches")
    ground = opened.style("body", "backgroundColor")
    lines = [opened.style(f".cider svg .{name}", "stroke") for name in ("far", "near", "mean")]
    assert len({ground, *lines}) == 4
    assert opened.style("a.dot .shape", "stroke") != ground
    assert opened.style(".first .rank", "borderLeftColor") != opened.style(
        "tbody tr:not(.first) .rank", "borderLeftColor"
    )
    assert opened.style(".rows tbody b", "color") != ground
