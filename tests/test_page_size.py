"""The page stays light: bytes of boards of invented entries, with captions and samples. `tests/browser/measure.py` has the times."""

import gzip

from boards import matrix, page


def test_sixty_entries_of_three_seeds_fit_in_a_quarter_of_a_megabyte(tmp_path):
    text = page(matrix(12, 5, 1, seeds=3, images=400), tmp_path).read_bytes()
    assert text.count(b"<tr id=") == 60
    assert len(text) <= 250_000
    assert len(gzip.compress(text, 9, mtime=0)) <= 100_000


def test_five_hundred_entries_fit_in_a_megabyte(tmp_path):
    text = page(matrix(25, 5, 4, images=50), tmp_path).read_bytes()  # how many images changes no size to speak of
    assert text.count(b"<tr id=") == 500
    assert len(text) < 1_000_000
