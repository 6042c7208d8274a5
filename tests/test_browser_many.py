"""The leaderboard page of many entries in a browser: what a reader finds, and what has room."""

import pytest
from boards import many, page


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return page(many(), tmp_path_factory.mktemp("many"))


def test_marks_that_are_long_push_no_figure_out_of_the_table(visit, board):
    for width in (1400, 390):
        opened = visit(board, width=width)
        marks = opened.page.locator(".mark").all_inner_texts()
        assert "distilled from ensemble of 3 by distillation(weight=0.9)" in marks
        assert opened.overflow(".rows") <= 0, width
        assert opened.said == []


def test_a_map_of_many_columns_has_the_width_of_the_page(visit, board):
    opened = visit(board, width=1400)
    assert opened.page.locator(".heatmap thead th").count() > 12
    assert opened.overflow(".heatmap .scroll") <= 0
    assert visit(board, width=390).overflow() <= 0


def test_what_lies_below_a_long_table_is_reached_from_above_it(visit, board):
    opened = visit(board, width=1400)
    for text, title in (("what each part changes", "Decoder"), ("compare two entries", "Compare two entries")):
        opened.page.get_by_role("link", name=text).click()
        heading = opened.page.get_by_role("heading", level=3, name=title).first
        assert 0 <= heading.bounding_box()["y"] < 900
    assert opened.said == []


def test_intervals_of_a_crowded_plot_do_not_cover_its_front(visit, board):
    opened = visit(board, width=1400)
    faint, strong = (float(opened.style(f".dot{which} .span", "opacity")) for which in (":not(.best)", ".best"))
    assert faint < strong / 2
    opened.page.locator(".dot:not(.best)").first.focus()
    assert opened.style(".dot:focus .span", "opacity") == "1"
