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
