"""Measures the leaderboard page: bytes, seconds to make it, and what a browser needs to open, sort and filter it.

    python tests/browser/measure.py

The records are invented, from fixed seeds. Times are medians of five, in milliseconds; those in the browser
are until the layout is done (work) and until the next picture is on the screen (shown).
"""

import gzip
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from boards import matrix, page
from browsing import Visit, launched

BOARDS = {
    "60 entries, 3 seeds, 400 images": (12, 5, 1, 3, 400),
    "500 entries, 1 seed, 400 images": (25, 5, 4, 1, 400),
}
REPEATS = 5
OPENED = """() => {
    const entry = performance.getEntriesByType("navigation")[0];
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return [entry.domInteractive, paint ? paint.startTime : NaN];
}"""
_TIMED = """async () => {
    const start = performance.now();
    %s
    document.body.getBoundingClientRect();
    const work = performance.now() - start;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return [work, performance.now() - start];
}"""
SORT = _TIMED % "document.querySelectorAll('thead tr:last-child button')[3].click();"
FILTER = (
    _TIMED
    % """
    const search = document.querySelector("input[type=search]");
    search.value = "luong";
    search.dispatchEvent(new Event("input", { bubbles: true }));
"""
)


def medians(rows: list[list[float]]) -> list[float]:
    """The median of each column."""
    return [median(column) for column in zip(*rows, strict=True)]


def main() -> None:
    """Make, open and use each board; print what it took."""
    with TemporaryDirectory() as folder, launched() as browser:
        for name, (backbones, attentions, decoders, seeds, images) in BOARDS.items():
            runs = matrix(backbones, attentions, decoders, seeds=seeds, images=images)
            begun = time.perf_counter()
            file = page(runs, Path(folder))
            seconds = time.perf_counter() - begun
            text = file.read_bytes()
            opened, sorted_, filtered = [], [], []
            for _ in range(REPEATS):
                visit = Visit(browser, file)
                visit.page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
                opened.append(visit.page.evaluate(OPENED))
                sorted_.append(visit.page.evaluate(SORT))
                filtered.append(visit.page.evaluate(FILTER))
                visit.close()
            (usable, painted), sort, filter_ = map(medians, (opened, sorted_, filtered))
            print(
                f"{name}: {len(text):,} bytes, {len(gzip.compress(text, 9, mtime=0)):,} gzipped, made in {seconds:.1f} s"
            )
            print(f"  usable after {usable:.0f} ms, first paint after {painted:.0f} ms")
            print(
                f"  sort {sort[0]:.1f} ms work, {sort[1]:.0f} ms shown; filter {filter_[0]:.1f} ms work, {filter_[1]:.0f} ms shown"
            )


if __name__ == "__main__":
    main()
