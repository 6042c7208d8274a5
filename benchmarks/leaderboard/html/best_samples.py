"""Captions of the best entry: of three images the caption, its score, and the attention map of each word."""

from markupsafe import Markup

from benchmarks.leaderboard.html.attention_strip import NOT_WHY, sample
from benchmarks.leaderboard.html.paths import FOLDER, name_of
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.samples import shown
from benchmarks.leaderboard.tables.table import Table

_TITLES = {"best": "One of its best", "median": "One from the middle", "worst": "One of its worst"}


def best_samples(table: Table) -> Markup:
    """One sample of each kind of the first row, from its record alone; nothing where there are none."""
    row = table.rows[0]
    found = {one.pick: one for one in reversed(shown(row.runs[0], {}))} if CIDER.read(row) is not None else {}
    if not found:
        return Markup()
    card = name_of(row.runs[0])
    return render(
        "best_samples.html",
        entry=table.name(row),
        seed=row.runs[0].seed,
        ensemble=row.ensemble,
        card=f"{FOLDER}/{card}" if card else "",
        samples=[
            (title, sample(found[pick], f"{table.key}-{pick}")) for pick, title in _TITLES.items() if pick in found
        ],
        note=NOT_WHY if any(one.maps for one in found.values()) else "",
    )
