"""The scores of a run beside those of its entry, and where that stands."""

from benchmarks.leaderboard import wording
from benchmarks.leaderboard.card.facts import figure
from benchmarks.leaderboard.columns import CIDER, SCORES
from benchmarks.leaderboard.glyph import glyph, scale
from benchmarks.leaderboard.rows import Row, Table
from benchmarks.leaderboard.text import BLANK, clean, html, hundred, span
from benchmarks.record import RunRecord


def scores(record: RunRecord, table: Table, row: Row) -> str:
    """A section: CIDEr large with its interval and rank, all scores and checks as a table."""
    own = figure(record.scores.get("CIDEr"))
    across = scale(table)
    drawn = glyph(table, row, across) if across and len(table.rows) > 1 else ""
    said = "".join(f"<p>{html(text)}</p>" for text in _standing(table, row))
    return (
        f'<section class="scores"><div><h2>How good it is</h2><p class="figure"><b>{_text(own)}</b> CIDEr × 100</p>'
        f"{drawn}{said}</div>{_table(record, row)}</section>"
    )


def _standing(table: Table, row: Row) -> list[str]:
    standing, seeds = table.standing(row), len(row.runs)
    mean = f"The mean of the entry's {seeds} seeds is {CIDER.text(row)}. " if seeds > 1 else ""
    if standing is None:
        return [mean + wording.noise(table)]
    interval = f"On other images of the kind it would fall between {span(standing.low, standing.high)} (95 %)."
    interval = interval.replace(" to ", " and ")
    ranked = f"Rank {wording.rank(table, row)} of {len(table.rows)} entries"
    ranked += "." if standing.first == standing.last else ": the ranks that cannot be told apart from its own."
    return [mean + interval, *([ranked] if len(table.rows) > 1 else []), wording.noise(table)]


def _table(record: RunRecord, row: Row) -> str:
    lines = [
        _line(column.title, figure(record.scores.get(column.key)), row.mean("scores", column.key), row)
        for column in SCORES
        if figure(record.scores.get(column.key)) is not None
    ]
    lines += [
        _line(
            f"{clean(name).replace('_', ' ')}, %", figure(record.diagnostics[name]), row.mean("diagnostics", name), row
        )
        for name in sorted(record.diagnostics)
    ]
    mean = f'<th scope="col">Mean of {len(row.runs)} seeds</th>' if len(row.runs) > 1 else ""
    checks = "; below, checks on drawn scenes" if record.diagnostics else ""
    return (
        f'<table class="all"><caption>Scores × 100{checks}</caption><thead><tr><td></td>'
        f'<th scope="col">This run</th>{mean}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    )


def _line(name: str, own: float | None, mean: float | None, row: Row) -> str:
    other = f"<td>{_text(mean)}</td>" if len(row.runs) > 1 else ""
    return f'<tr><th scope="row">{html(name)}</th><td>{_text(own)}</td>{other}</tr>'


def _text(value: float | None) -> str:
    return BLANK if value is None else hundred(value)
