"""The scores of a run beside those of its entry, and where that stands."""

from benchmarks.leaderboard.html.interval_glyph import WIDTH, axis, glyph, scale
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, SCORES
from benchmarks.leaderboard.tables.formatting import BLANK, clean, html, hundred, number, span
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.records.record import RunRecord


def scores(record: RunRecord, table: Table, row: Row) -> str:
    """A section: CIDEr large with its interval and rank, all scores and checks as tables."""
    said = "".join(f"<p>{html(text)}</p>" for text in _standing(table, row))
    judged = [(column.title, column.key) for column in SCORES if column.key in record.scores]
    checks = [(clean(name).replace("_", " "), name) for name in sorted(record.diagnostics)]
    return (
        '<section class="scores"><div><h2>How good it is</h2><p class="figure">'
        f"<b>{_text(number(record.scores.get('CIDEr')))}</b> CIDEr × 100</p>{_drawn(table, row)}{said}</div>"
        f"{_table('Scores × 100', 'scores', judged, record, row)}"
        f"{_table('Checks of the data set, %', 'diagnostics', checks, record, row)}</section>"
    )


def _drawn(table: Table, row: Row) -> str:
    """The row on the scale of its table, the means of the others as rings."""
    across = scale(table)
    if across is None or len(table.rows) < 2:
        return ""
    others = [score for other in table.rows if other is not row and (score := CIDER.read(other)) is not None]
    rings = "".join(f'<circle cx="{across.place(score):.1f}" cy="9" r="2.4"/>' for score in others)
    return (
        f'<div class="drawn">{axis(across)}<svg class="glyph" viewBox="0 0 {WIDTH} 18" aria-hidden="true">{rings}</svg>'
        f"{glyph(table, row, across)}<small>Line: the mean{', ticks: its seeds' if len(row.runs) > 1 else ''}; "
        "rings: other entries</small></div>"
    )


def _standing(table: Table, row: Row) -> list[str]:
    standing, seeds = table.standing(row), len(row.runs)
    mean = f"The mean of the entry's {seeds} seeds is {CIDER.text(row)}. " if seeds > 1 else ""
    if standing is None:
        return [mean + wording.noise(table)]
    interval = f"Over all images of the kind it lies between {span(standing.low, standing.high)} (95 %)."
    interval = interval.replace(" to ", " and ")
    ranked = f"Rank {wording.rank(table, row)} of {len(table.rows)} entries"
    ranked += "." if standing.first == standing.last else ": the ranks that cannot be told apart from its own."
    return [mean + interval, *([ranked] if len(table.rows) > 1 else []), wording.noise(table)]


def _table(title: str, field: str, names: list[tuple[str, str]], record: RunRecord, row: Row) -> str:
    if not names:
        return ""
    seeds = len(row.runs)
    mean = f'<th scope="col">Mean of {seeds} seeds</th>' if seeds > 1 else ""
    lines = ""
    for label, name in names:
        own = _text(number(getattr(record, field).get(name)))
        other = f"<td>{_text(row.mean(field, name))}</td>" if seeds > 1 else ""
        lines += f'<tr><th scope="row">{html(label)}</th><td>{own}</td>{other}</tr>'
    return (
        f'<table class="all"><thead><tr><th scope="col">{title}</th><th scope="col">This run</th>{mean}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _text(value: float | None) -> str:
    return BLANK if value is None else hundred(value)
