"""What a reader chooses on the leaderboard page: two entries, a figure for the map, columns, rows; and that it can be passed on."""

import itertools
from statistics import fmean

import pytest
from boards import moved, page, small, varied
from records import record

from benchmarks.leaderboard.html.comparison import change, significance
from benchmarks.leaderboard.tables.bootstrap import PLANNED
from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.pairwise import versus
from benchmarks.leaderboard.tables.summary import summarise

# All that a reader sees of the choices of every table.
STATE = """() => [document.documentElement.dataset.theme, ...[...document.querySelectorAll(".board")].map((board) => {
    const seen = (selector) => [...board.querySelectorAll(selector)].filter((item) => item.checkVisibility());
    const texts = (selector) => seen(selector).map((item) => item.textContent);
    return {
        rows: seen(".rows tbody tr").map((row) => row.id), heads: texts(".rows thead th"),
        sorted: [...board.querySelectorAll("[aria-sort]")].map((head) => head.textContent + head.ariaSort),
        ticked: [...board.querySelectorAll(".rank input")].flatMap((tick, row) => tick.checked ? [row] : []),
        compared: texts(".verdict").concat(texts(".comparison tbody tr"), texts(".images li"), texts(".picks")),
        fields: [...board.querySelectorAll("select, input[type=search]")].map((field) => field.value),
        map: seen(".heatmap td").map((cell) => cell.className + cell.textContent), plots: texts(".plot figcaption"),
    };
})]"""
SOME = (0, 1, 2, 3, 9, 10, 11)  # rows, of which every pair is tried
# For every pair: the verdict, CIDEr from B to A, and every image.
PAIRS = """(rows) => {
    const [one, other] = [...document.querySelectorAll(".comparison select")];
    const put = (side, row) => { side.selectedIndex = row; side.dispatchEvent(new Event("input")); };
    const text = (selector) => document.querySelector(selector).textContent;
    const found = [];
    for (const a of rows) for (const b of rows) if (a !== b) {
        put(one, a);
        put(other, b);
        if (one.selectedIndex !== a) put(one, a);
        found.push([a, b, text(".verdict"), [...document.querySelectorAll(".comparison td:last-child")].map((cell) => cell.textContent),
            [...document.querySelectorAll(".images li")].map((item) => item.textContent.replace(/\\s+/g, " "))]);
    }
    return found;
}"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return page(varied(), tmp_path_factory.mktemp("varied"))


@pytest.fixture(scope="module")
def two_places(tmp_path_factory):
    return page(moved(), tmp_path_factory.mktemp("moved"))


@pytest.fixture(scope="module")
def table():
    return summarise(varied()).tables[0]


def state(visit):
    return visit.page.evaluate(STATE)


def compared(visit):
    """The indices of A and B."""
    return visit.page.locator(".comparison select").evaluate_all("sides => sides.map((side) => side.selectedIndex)")


def test_every_pair_is_compared_as_the_command_compares_it(visit, board, table):
    opened = visit(board)
    pairs = opened.page.evaluate(PAIRS, SOME)
    assert [pair[:2] for pair in pairs] == [list(pair) for pair in itertools.permutations(SOME, 2)]
    verdicts = set()
    for a, b, verdict, changes, images in pairs:
        one, other = table.rows[a], table.rows[b]
        found = versus(table, one, other)
        verdicts.add(found.verdict)
        assert verdict == significance(table, one, other, found), (a, b)
        assert changes == [change(column, one, other, found) for column in columns(table)], (a, b)
        by_hand(one, other, found, verdict, changes[0], images)
    assert {"clear", "tie"} <= verdicts
    assert opened.said == []


def by_hand(one, other, found, verdict, change, images):
    """The same from the records alone, as far as a few lines can tell."""
    ours, theirs = (
        {key: fmean(run.per_image["CIDEr"][key] for run in row.runs) for key in row.per_image} for row in (one, other)
    )
    gap = 100 * (fmean(ours.values()) - fmean(theirs.values()))
    half = 100 * PLANNED * found.error
    assert [float(bit.strip("()")) for bit in change.replace("\u2212", "-").split() if bit != "to"] == pytest.approx(
        [gap, gap - half, gap + half], abs=0.0501
    )
    wins = fmean((ours[key] > theirs[key]) + 0.5 * (ours[key] == theirs[key]) for key in ours)
    assert int(verdict.rpartition(" on ")[2].split()[0]) == pytest.approx(100 * wins, abs=0.501)
    assert 0 < len(images) <= 6
    first, second = one.runs[0], other.runs[0]
    for text in images:
        key = text.removeprefix("image ").partition("A ")[0].strip()
        scores = [run.per_image["CIDEr"][key] for run in (first, second)]
        lines = [f"{run.captions[key]} ({100 * score:.1f})" for run, score in zip((first, second), scores, strict=True)]
        assert text == f"image {key}A {lines[0]}B {lines[1]}"
    leads = [
        first.per_image["CIDEr"][key] - second.per_image["CIDEr"][key]
        for key in (text.partition("A ")[0].removeprefix("image ") for text in images)
    ]
    ahead, behind = [lead for lead in leads if lead > 0], [lead for lead in leads if lead < 0]
    assert leads == pytest.approx(
        sorted(ahead, reverse=True) + sorted(behind), abs=0.0021
    )  # scores on the page have three digits


def test_ticks_choose_the_two_and_the_third_takes_the_place_of_the_first(visit, board):
    opened = visit(board)
    ticks = opened.page.locator(".rank input")
    assert compared(opened) == [0, 1]
    ticks.nth(3).check()
    assert (compared(opened), opened.texts(".picks")) == ([0, 1], ["One more to compare with it."])
    ticks.nth(5).focus()
    opened.page.keyboard.press("Space")
    assert (compared(opened), opened.texts(".picks")) == ([3, 5], ["A against B"])
    ticks.nth(7).check()
    assert compared(opened) == [5, 7]
    assert [ticks.nth(row).is_checked() for row in (3, 5, 7)] == [False, True, True]
    before = opened.texts(".verdict, .comparison tbody tr:first-child")
    opened.page.get_by_role("button", name="Swap A and B").click()
    assert compared(opened) == [7, 5]
    assert opened.texts(".verdict, .comparison tbody tr:first-child") != before
    opened.page.get_by_label("Entry A").select_option(index=5)  # what stands at B: the two change sides
    assert compared(opened) == [5, 7]
    assert opened.texts(".verdict, .comparison tbody tr:first-child") == before
    opened.page.get_by_role("link", name="A against B").click()
    assert opened.page.locator(".comparison h3").evaluate("item => item.getBoundingClientRect().top") < 900
    ticks.nth(5).uncheck()
    assert opened.texts(".picks") == ["One more to compare with it."]
    assert opened.page.locator(".picks").get_attribute("aria-live") == "polite"


def test_the_map_shows_every_column_and_deeper_is_higher(visit, board, table):
    opened = visit(board)
    select = opened.page.locator("select[name=heatmap]")
    cells = {
        link.get_attribute("href")[1:]: place for place, link in enumerate(opened.page.locator(".heatmap td a").all())
    }
    assert len(cells) == len(table.rows)
    for index, column in enumerate(columns(table)):
        select.select_option(index=index)
        found = opened.page.locator(".heatmap tbody td").evaluate_all(
            "cells => cells.map((cell) => [cell.textContent, cell.className])"
        )
        values = []
        for row in table.rows:
            text, depth = found[cells[table.anchor(row)]]
            assert text == column.text(row)
            assert (column.read(row) is None) == (depth == "")
            values += [(column.read(row), int(depth[1:]))] if depth else []
        depths = [depth for _, depth in sorted(values)]
        assert depths == sorted(depths), column.key
        assert len({value for value, _ in values}) < 2 or (depths[0], depths[-1]) == (0, 7)


def test_each_choice_of_rows_keeps_what_it_says(visit, board, table):
    opened = visit(board)
    speed = next(column for column in columns(table) if column.key == "images_per_sec")
    points = {row: (row.mean("scores", "CIDEr"), speed.read(row)) for row in table.rows if speed.read(row)}
    beaten = {
        row
        for row, (score, rate) in points.items()
        for other in points.values()
        if other != (score, rate) and other[0] >= score and other[1] >= rate
    }
    backbones = {}
    for row in table.rows:
        backbones.setdefault(row.parts[0], row)
    wanted = {"first": set(table.tied), "front": set(points) - beaten, "backbone": set(backbones.values())}
    select = opened.page.locator("select[name=rows]")
    assert select.locator("option").evaluate_all("options => options.map((each) => each.value)") == ["", *wanted]
    for value, rows in wanted.items():
        select.select_option(value)
        assert state(opened)[1]["rows"] == [table.anchor(row) for row in table.rows if row in rows]
        assert 0 < len(rows) < len(table.rows)


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [390, 1280])
def test_columns_come_and_go_and_stay_so(visit, board, table, scripts, width):
    opened = visit(board, width=width, java_script_enabled=scripts)
    titles = [column.title for column in columns(table)]
    main = [column.title for column in columns(table) if column.main]
    assert len(opened.texts(".rows thead th")) == (3 if width == 390 else 2 + len(main))
    opened.page.locator(".columns summary").click()
    opened.page.get_by_label("CIDEr", exact=True).uncheck()
    opened.page.get_by_label("Learning params", exact=True).check()
    opened.page.locator(".columns summary").click()
    heads = opened.page.locator(".rows thead th").evaluate_all(
        "heads => heads.filter((head) => head.checkVisibility()).map((head) => head.querySelector('button').textContent)"
    )
    assert heads == ["Rank", "Entry", *(title for title in titles if title in {*main, "Learning"} - {"CIDEr"})]
    assert len(opened.texts(".rows tbody tr:first-child > *")) == len(heads)
    assert opened.overflow() <= 0


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    "records", [[record("x" * 120, diagnostics={"y" * 200: 0.5})], small()], ids=["one entry, long names", "two tables"]
)
def test_every_box_of_the_columns_is_on_the_page(visit, tmp_path, records, scripts):
    opened = visit(page(records, tmp_path), width=700, java_script_enabled=scripts)
    for width in (700, 1280):
        opened.page.set_viewport_size({"width": width, "height": 900})
        for each in opened.page.locator(".columns").all():
            each.locator("summary").click()
            box = each.locator("fieldset").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            each.locator("input").last.click()
            each.locator("summary").click()


def test_columns_are_put_away_by_escape_and_by_a_press_elsewhere(visit, board):
    opened = visit(board)
    columns, summary = opened.page.locator(".columns"), opened.page.locator(".columns summary")
    for away in (lambda: opened.page.keyboard.press("Escape"), lambda: opened.page.locator("h2").first.click()):
        summary.click()
        opened.page.get_by_label("METEOR", exact=True).click()
        assert columns.get_attribute("open") is not None
        away()
        assert columns.get_attribute("open") is None


def chosen(opened):
    """Choose something of everything in the last table."""
    board = opened.page.locator(".board").last
    board.get_by_role("button", name="METEOR", exact=True).click()
    board.get_by_label("Find").fill("resnet")
    board.locator("select[name=rows]").select_option("first")
    board.locator("form select[name=attention]").select_option(index=2)
    board.locator(".columns summary").click()
    board.get_by_label("Seeds", exact=True).check()
    board.get_by_label("CIDEr", exact=True).uncheck()
    board.get_by_label("Entry A").select_option(index=4)
    board.get_by_role("button", name="Swap A and B").click()
    board.locator("select[name=heatmap]").select_option("params")
    board.locator("select[name=place]").select_option(index=1)
    opened.page.locator("#theme").click()


def test_an_address_brings_all_choices_back_and_the_other_table_has_none(visit, tmp_path):
    file = page([*small(), *moved()], tmp_path)
    opened = visit(file)
    start = state(opened)
    chosen(opened)
    there = state(opened)
    changed = [there[-1][name] != start[-1][name] for name in start[-1]]
    assert all(changed), dict(zip(start[-1], changed, strict=True))
    assert there[1:-1] == start[1:-1]
    again = visit(file, fragment=opened.address.removeprefix(file.as_uri()))
    assert state(again) == there
    assert again.address == opened.address
    again.page.evaluate("location.hash = ''")
    again.page.wait_for_function(
        "!document.querySelector('input[type=search]').value && !document.querySelector('.rank input:checked')"
    )
    assert state(again) == [*start[:1], *start[1:]]
    assert again.said == opened.said == []


def test_links_lead_to_rows_that_are_seen_and_back_again(visit, board, table):
    opened = visit(board)
    sought = opened.page.get_by_label("Find")
    for place, link in enumerate((".heatmap td a", "a.dot", ".findings a")):
        sought.fill("no such entry")
        filtered = opened.address
        target = opened.page.locator(link).first.get_attribute("href")
        opened.page.locator(link).first.dispatch_event("click")
        row = opened.page.locator(f"tr{target}")
        assert opened.address.endswith(target)
        box, ground = row.bounding_box(), row.evaluate("row => getComputedStyle(row).backgroundColor")
        assert 0 <= box["y"] <= 900
        assert ground != opened.style(".rows tbody tr:not(:target):not(.hit)", "backgroundColor")
        if place == 0:
            opened.page.go_back()
            opened.page.wait_for_function("document.querySelector('.none').checkVisibility()")
            assert (opened.address, sought.input_value()) == (filtered, "no such entry")
            opened.page.go_forward()
            opened.page.wait_for_function("location.hash && !location.hash.includes('=')")
    opened.page.evaluate(f"location.hash = '{table.key}.q=luong&{table.key}.sort=entry'")
    opened.page.wait_for_function("document.querySelector('input[type=search]').value === 'luong'")
    assert len(state(opened)[1]["rows"]) == 4
    assert opened.said == []


def test_addresses_that_mean_nothing_do_no_harm(visit, board, table):
    opened = visit(board)
    start, key = state(opened), table.key
    first = table.anchor(table.rows[0]).split("-")[1]
    wrong = [f"{key}.{name}={value}" for name, value in itertools.product(
        ("sort", "rows", "columns", "comparison", "heatmap", "place", "backbone", "nothing"),
        ("__proto__", "-constructor", "<img src=x onerror=alert(1)>", "%E0%A4%A", "-1", "1e99", "0 0", "%00"),
    )]  # fmt: skip
    wrong += [
        "=",
        "&&=&",
        "theme=<b>",
        "theme=dark&theme=auto",
        f"{key}.comparison={first} {first}",
        "toString.q=1",
        f"{key}=1",
    ]
    for text in wrong:
        opened.page.evaluate("text => { location.hash = text; state.load(); }", text)
        assert state(opened)[1:] == start[1:], text
        assert state(opened)[0] in ("auto", "dark")
    opened.page.evaluate("text => { location.hash = text; state.load(); }", f"{key}.q=" + "x" * 50_000)
    assert state(opened)[1]["rows"] == []
    assert (opened.said, opened.dialogs, opened.foreign) == ([], [], [])


def test_of_several_machines_each_has_columns_and_a_plot(visit, two_places):
    opened = visit(two_places)
    assert len(opened.texts(".plot")) == 1
    first = opened.texts(".plot .shape + *, .plot .grid")
    opened.page.locator("select[name=place]").select_option(index=1)
    assert len(opened.texts(".plot")) == 1
    assert opened.texts(".plot .shape + *, .plot .grid") != first
    assert opened.page.locator(".plot:not([hidden]) a.dot").count() == 5
    row = opened.page.locator(".plot:not([hidden]) a.dot").first.get_attribute("href")
    opened.page.locator(".plot:not([hidden]) a.dot").first.focus()
    assert "hit" in opened.page.locator(f"tr{row}").get_attribute("class")
    opened.page.locator(".columns summary").click()
    assert [
        opened.page.get_by_role("checkbox", name=f"Speed, images/s on {letter}").is_checked() for letter in "AB"
    ] == [True, False]
    opened.page.get_by_role("checkbox", name="Speed, images/s on B").check()
    opened.page.keyboard.press("Escape")
    opened.page.locator(".rows thead button", has_text="Speed").nth(1).click()
    speeds = opened.page.locator(".rows tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].filter((cell) => cell.checkVisibility())[7].textContent)"
    )
    assert [text == "–" for text in speeds] == [False] * 5 + [True] * 3
    without = visit(two_places, java_script_enabled=False)
    assert len(without.texts(".plot")) == 2
    assert [text.partition("Measured on ")[2][:16] for text in without.texts(".plot figcaption")] == [
        "cpu, Example CPU",
        "Example GPU, Exa",
    ]


def test_what_all_rows_share_can_be_searched_too(visit, two_places):
    (shared,) = {run.parts["decoder"] for run in moved()}
    opened = visit(two_places)
    assert shared not in opened.page.locator(".rows tbody").inner_text()
    sought = opened.page.locator("input[type=search]")
    for text, rows in ((shared.partition("(")[0].upper(), 8), ("nothing of that name", 0)):
        sought.fill(text)
        assert len(state(opened)[1]["rows"]) == rows
    assert opened.said == []
