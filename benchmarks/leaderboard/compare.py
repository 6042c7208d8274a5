"""Two entries against each other, from their records: what `caption-zoo compare` prints."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.leaderboard.html.comparison import change, significance
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.formatting import clean, hundred
from benchmarks.leaderboard.tables.pairwise import ImageComparison, Versus, most_different, versus
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.summary import Summary, summarise
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import BadRecord, RunRecord, records


@dataclass(frozen=True)
class Comparison:
    """Rows A and B of a table, their difference, and images on which they differ most."""

    table: Table
    one: Row
    other: Row
    difference: Versus
    images: list[ImageComparison]


def compare(
    one: Path,
    other: Path,
    among: Path | None = None,
    *,
    images: int = 3,
    on_bad: Callable[[BadRecord], None] | None = None,
) -> Comparison:
    """Compare the entries that lie at two paths, as two of all whose records lie below `among`.

    Records that cannot be read are passed over, after a call of `on_bad`, where that is given.

    Raises:
        ValueError: a path holds no finished run, several entries or one that gave way to a later run, or the two may
            not be compared.
    """
    ours, theirs = _runs(one, on_bad), _runs(other, on_bad)
    family = list(records(among, on_bad)) if among else []
    if among and not family:
        raise ValueError(f"no run records below {among}")
    summary = summarise([*family, *ours, *theirs])
    places = {run.id: (table, row) for table in summary.tables for row in table.rows for run in row.runs}
    for run in [*ours, *theirs]:
        if run.id not in places:
            later = clean(_later(run, summary))
            raise ValueError(f"run {clean(run.id)} gave way to {later}, a later one of its seed: compare that")
    (table, row), (elsewhere, rival) = _entry(ours, places, one), _entry(theirs, places, other)
    if table is not elsewhere:
        raise ValueError(f"{one} and {other} may not be compared: they differ in {_differences(table, elsewhere)}")
    for path, each in ((one, row), (other, rival)):
        if each.mean("scores", "CIDEr") is None:
            raise ValueError(f"{path} has no CIDEr, so there is nothing to compare by")
    if row is rival:
        raise ValueError(f"{one} and {other} are the same entry: {table.name(row)}")
    return Comparison(table, row, rival, versus(table, row, rival), most_different(row, rival, images))


def _runs(path: Path, on_bad: Callable[[BadRecord], None] | None) -> list[RunRecord]:
    if not path.exists():
        raise ValueError(f"no record or folder {str(path)!r}")
    runs = [run for run in (records(path, on_bad) if path.is_dir() else [RunRecord.load(path)]) if run.done]
    if not runs:
        raise ValueError(f"{path} holds no finished run")
    return runs


def _entry(runs: list[RunRecord], places: dict[str, tuple[Table, Row]], path: Path) -> tuple[Table, Row]:
    entries = {id(row): (table, row) for table, row in (places[run.id] for run in runs)}
    if len(entries) > 1:
        raise ValueError(f"{path} holds {len(entries)} entries: name the folder or the record of one")
    return next(iter(entries.values()))


def _later(run: RunRecord, summary: Summary) -> str:
    """The id of the run that stands in the place of `run`, which had the same request and seed."""
    named = _alone(run)
    runs = (each for table in summary.tables for row in table.rows for each in row.runs)
    alike = (each for each in runs if (each.seed, each.parts) == (run.seed, run.parts))
    return next(each.id for each in alike if _alone(each) == named)


def _alone(run: RunRecord) -> tuple[str, str]:
    """What would name its table and its row, were it the only run: the runs of other seeds may have other starts."""
    (table,) = summarise([run]).tables
    return table.key, table.rows[0].key


def _differences(one: Table, other: Table) -> str:
    names = ("dataset", "split", "synthetic", "fingerprint", "signature")
    fields = [name for name in names if getattr(one, name) != getattr(other, name)]
    fields += ["random and pretrained backbones"] if one.random != other.random else []
    keys = sorted(one.protocol.keys() | other.protocol.keys())
    return ", ".join(fields + [clean(key) for key in keys if one.protocol.get(key) != other.protocol.get(key)])


def as_text(comparison: Comparison) -> str:
    """For people: who A and B are, the verdict, the figures, the images."""
    table, one, other = comparison.table, comparison.one, comparison.other
    lines = [
        f"A  {_named(table, one)}",
        f"B  {_named(table, other)}",
        "",
        significance(table, one, other, comparison.difference),
        *_notes(table, one, other),
        "",
    ]
    rows = [
        (clean(each.label), each.text(one), each.text(other), change(each, one, other, comparison.difference))
        for each in columns(table)
        if each.read(one) is not None or each.read(other) is not None
    ]
    lines += _aligned([("", "A", "B", "A - B, or A / B"), *rows])
    if comparison.images:
        lines += ["", "Where they differ most (one run of each, CIDEr x 100)"]
    for image in comparison.images:
        lines.append(f"image {clean(image.image)}")
        for letter, caption, score in zip("AB", image.captions, image.scores, strict=True):
            lines.append(f"  {letter} {hundred(score):>6}  {clean(caption)}")
    return "\n".join(lines)


def as_json(comparison: Comparison) -> str:
    """For programs: raw scores, not x 100; notes are what the two differ in beside their parts."""
    table, one, other = comparison.table, comparison.one, comparison.other
    content = {
        "a": _side(one),
        "b": _side(other),
        "entries": len(table.rows),
        "notes": list(_notes(table, one, other)),
        "verdict": comparison.difference.verdict,
        "gap": comparison.difference.gap,
        "standard_error": comparison.difference.error,
        "threshold": None if comparison.difference.error is None else table.ranking.threshold,
        "wins": comparison.difference.wins,
        "figures": {each.key: [each.read(one), each.read(other)] for each in columns(table)},
        "images": [vars(image) for image in comparison.images],
    }
    return json.dumps(content, ensure_ascii=False)


def _side(row: Row) -> dict[str, Any]:
    """members: of an ensemble, the runs whose models decode together; objective: by which it learned from a teacher.

    start_from: the runs that its models started from.
    """
    sides = {"parts": list(row.parts), "runs": [run.id for run in row.runs], "members": list(row.members)}
    return {**sides, "objective": row.objective or None, "start_from": list(row.starts)}


def _notes(table: Table, one: Row, other: Row) -> Iterator[str]:
    """What the two differ in beside their parts."""
    if one.ensemble != other.ensemble:
        yield "They differ in how many models decode together: parts alone do not explain the difference."
    if one.objective != other.objective:
        yield "They differ in what they learned from, captions or a teacher: parts alone do not explain the difference."
    parted = one.parts == other.parts and one.starts[:1] != other.starts[:1]  # those of other parts always are
    if parted or table.start(one) != table.start(other):
        yield "They differ in the runs that they started from: parts alone do not explain the difference."


def _named(table: Table, row: Row) -> str:
    seeds = f"{len(row.runs)} seed{'' if len(row.runs) == 1 else 's'}"
    models = f", ensemble of {row.ensemble}" if row.ensemble else ""
    models += f", {learned}" if (learned := wording.distilled(table, row)) else ""
    models += f", {wording.started(row)}" if row in table.parted else ""
    return f"{' + '.join(map(clean, row.parts))}{models}  ({seeds}; {', '.join(clean(run.id) for run in row.runs)})"


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *cells in rows:
        rest = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *rest]).rstrip())
    return lines
