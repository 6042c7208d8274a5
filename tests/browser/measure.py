"""Measures the leaderboard page: bytes, seconds to make it, and what a browser needs to open, sort, filter and compare.

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
PAINTED = """() => new Promise(done => {
    const isFirst = entry => entry.name === "first-contentful-paint";
    new PerformanceObserver(list => { if (list.getEntries().some(isFirst)) done(); })
        .observe({ type: "paint", buffered: true });
})"""
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
_ENTER = "%s.value = %s; %s.dispatchEvent(new Event('input', { bubbles: true }));"
_SEARCH, _SIDE = "document.querySelector('input[type=search]')", "document.querySelector('select[name=A]')"
_ROW = f"String({_SIDE}.options[9].value)"
ACTS = {
    "sort": _TIMED % "document.querySelectorAll('.rows thead button')[3].click();",
    "filter": _TIMED % (_ENTER % (_SEARCH, "'luong'", _SEARCH)),
    "compare": _TIMED % (_ENTER % (_SIDE, _ROW, _SIDE)),
}


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
            opened, times = [], {act: [] for act in ACTS}
            for _ in range(REPEATS):
                visit = Visit(browser, file)
                visit.page.evaluate(PAINTED)
                opened.append(visit.page.evaluate(OPENED))
                for act, script in ACTS.items():
                    times[act].append(visit.page.evaluate(script))
                visit.close()
            usable, painted = medians(opened)
            size, packed = len(text), len(gzip.compress(text, 9, mtime=0))
            print(f"{name}: {size:,} bytes, {packed:,} gzipped, made with a card per run in {seconds:.1f} s")
            print(f"  usable after {usable:.0f} ms, first paint after {painted:.0f} ms")
            for act, rows in times.items():
                work, shown = medians(rows)
                print(f"  {act}: {work:.1f} ms work, {shown:.0f} ms shown")


if __name__ == "__main__":
    main()
