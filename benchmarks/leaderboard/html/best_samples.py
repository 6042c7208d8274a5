"""What the best entry says: of three images, the caption, its score, and where it looked for each word."""

from benchmarks.leaderboard.html.attention_strip import NOT_WHY, sample
from benchmarks.leaderboard.html.paths import FOLDER, name_of
from benchmarks.leaderboard.tables.columns import CIDER
from benchmarks.leaderboard.tables.formatting import breakable, html
from benchmarks.leaderboard.tables.rows import Table
from benchmarks.leaderboard.tables.samples import shown

_TITLES = {"best": "One of its best", "median": "One from the middle", "worst": "One of its worst"}


def excerpt(table: Table) -> str:
    """One sample of each kind of the first row, from its record alone; nothing where there are none."""
    row = table.rows[0]
    found = {one.pick: one for one in reversed(shown(row.runs[0], {}))} if CIDER.read(row) is not None else {}
    if not found:
        return ""
    parts = "".join(
        f"<div><h4>{title}</h4>{sample(found[pick], f'{table.key}-{pick}')}</div>"
        for pick, title in _TITLES.items()
        if pick in found
    )
    name = name_of(row.runs[0])
    more = f' <a href="{FOLDER}/{name}">All samples, on its card</a>' if name else ""
    note = NOT_WHY if any(one.maps for one in found.values()) else ""
    said = f'<p>Of its run with seed {html(row.runs[0].seed)}.{more}</p><div class="triple">{parts}</div><p>{note}</p>'
    return f'<section class="excerpt"><h3>What <bdi>{breakable(table.name(row))}</bdi> says</h3>{said}</section>'
