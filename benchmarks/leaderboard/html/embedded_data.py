"""What the page's script reads: every figure in full, and what two entries need to be compared."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.bootstrap import PLANNED
from benchmarks.leaderboard.tables.columns import Column
from benchmarks.leaderboard.tables.formatting import clean, link
from benchmarks.leaderboard.tables.pairwise import VERDICTS, ImageComparison, compare_images, percent, versus
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

COMPARED = 100  # of so many rows, the best, each pair's standard error is on the page
_CAPTIONS = 30_000  # about so many characters of captions; of many entries, fewer images
_IMAGES = 24
_VERDICTS = VERDICTS | {
    "far": f"Of the best {COMPARED} alone this page tells whether a difference is real; "
    "caption-zoo compare tests any pair.",
}


@dataclass(frozen=True)
class Panel:
    """The rows that can be compared, and the images on which they differ most, with their captions."""

    rows: list[Row]
    images: list[ImageComparison]

    @classmethod
    def of(cls, table: Table) -> "Panel":
        """Of the best rows, those whose captions were recorded."""
        best = [row for row in table.rows[:COMPARED] if row.mean("scores", "CIDEr") is not None]
        rows = [row for row in best if row.runs[0].captions]
        if len(rows) < 2:
            return cls([], [])
        ordered = sorted(compare_images(rows), key=lambda each: (-_variance(each.scores), len(each.image), each.image))
        chosen: list[ImageComparison] = []
        room = _CAPTIONS
        for each in ordered[:_IMAGES]:
            room -= sum(len(text) for text in set(each.captions))
            if room < 0 and chosen:
                break
            chosen.append(each)
        return cls(rows, chosen)


def data(table: Table, shown: Sequence[Column], panel: Panel) -> Markup:
    """A JSON object that no text in it can end: its rows and columns are those of the table, in the same order."""
    ranking = table.ranking
    axes = [(part, {value: place for place, value in enumerate(table.axes[part])}) for part in PARTS]
    content = {
        "columns": [{"key": each.key, "label": each.label, "kind": each.kind} for each in shown],
        "rows": [table.anchor(row) for row in table.rows],
        "names": [clean(table.name(row)) for row in table.rows],
        "shared": clean(" ".join(table.axes[part][0] for part in table.shared)),
        "parts": {part: [places[row.parts[axis]] for row in table.rows] for axis, (part, places) in enumerate(axes)
                  if len(places) > 1},
        "values": [[_short(each.read(row), _digits(each)) for row in table.rows] for each in shown],
        "ranks": [standing and standing.first for standing in ranking.standings],
        "threshold": _short(ranking.threshold),
        "planned": PLANNED,
        "verdicts": {key: text.replace("{entries}", str(len(table.rows))) for key, text in _VERDICTS.items()},
        "pairs": _pairs(table),
        "panel": _panel(table, panel),
    }  # fmt: skip
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return render("data.html", id=f"{table.key}-data", json=Markup(text))


def _pairs(table: Table) -> list[list[list[float | None]]]:
    """For each of the best rows, for each row before it: standard error of the difference, wins of 100 images."""
    best = [row for row in table.rows[:COMPARED] if row.mean("scores", "CIDEr") is not None]
    return [
        [[_short(versus(table, row, other).error), percent(table, row, other)] for other in best[:place]]
        for place, row in enumerate(best)
    ]


def _panel(table: Table, panel: Panel) -> dict[str, Any]:
    texts = {clean(text): None for each in panel.images for text in each.captions}
    number, known = {text: place for place, text in enumerate(texts)}, links(table)
    return {
        "rows": [table.index[row] for row in panel.rows],
        "images": [[clean(each.image), known.get(each.image, "")] for each in panel.images],
        "texts": list(texts),
        "captions": [[number[clean(text)] for text in each.captions] for each in panel.images],
        "scores": [[round(score, 3) for score in each.scores] for each in panel.images],
    }


def links(table: Table) -> dict[str, str]:
    """Image id -> where people can see it, as far as the samples of its runs tell: what most of them say."""
    addresses: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in (sample for row in table.rows for run in row.runs for sample in run.samples):
        if address := link(sample.get("source")):
            addresses[str(sample.get("image"))][address] += 1
    return {image: min(found, key=lambda address: (-found[address], address)) for image, found in addresses.items()}


def _variance(scores: Sequence[float]) -> float:
    middle = sum(scores) / len(scores)
    return sum((score - middle) ** 2 for score in scores) / len(scores)


def _digits(column: Column) -> int:
    """Two more for what differences are taken of, so that these are rounded as they are everywhere else."""
    return 7 if column.kind == "score" else 5


def _short(value: float | None, digits: int = 5) -> float | None:
    """To five digits: more than is shown, and no more than can be meant."""
    return None if value is None or value != value else float(f"{value:.{digits}g}")
