"""The leaderboard for programs: one line per row and place of measurement, raw and in full precision."""

import csv
import io
import json
from typing import Any

from benchmarks.leaderboard.tables.columns import RATES, SCORES, SIZES
from benchmarks.leaderboard.tables.formatting import clean
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.summary import Summary
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

SCORE_ORDER = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr")
_SIZES = tuple(column for column in SIZES if column.kind == "size")
_FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20")  # some read the full-width ones too
_BY_KEY = {column.key: column for column in (*SCORES, *_SIZES)}
COLUMNS = (
    "dataset", "split", "synthetic", "images", *PARTS, "ensemble", "weights", "origins", "distillation", "start_from",
    "seeds", "rank_first", "rank_last", *SCORE_ORDER,
    "CIDEr_low", "CIDEr_high", "CIDEr_near_low", "CIDEr_near_high", "diagnostics",
    *(column.key for column in _SIZES), *Hardware._fields, *(timing.key for timing in RATES),
    "fingerprint", "signature", "protocol", "runs",
)  # fmt: skip


def table_csv(summary: Summary) -> str:
    """Every row of every table, once for each place where it was timed; the columns are always the same."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in summary.tables:
        for row in table.rows:
            for place in sorted(row.timed):
                writer.writerow({name: _safe(value) for name, value in _line(table, row, place).items()})
    return text.getvalue()


def _line(table: Table, row: Row, place: Hardware) -> dict[str, Any]:
    standing = table.standing(row)
    members = row.runs[0].request["ensemble"] if row.ensemble else {}
    seeds = map(str, members or [run.seed for run in row.runs])
    names = sorted({name for run in row.runs for name in run.diagnostics})
    return {
        "dataset": table.dataset,
        "split": table.split,
        "synthetic": str(table.synthetic).lower(),
        "images": table.ranking.images or None,
        **dict(zip(PARTS, row.parts, strict=True)),
        "ensemble": row.ensemble or None,
        "weights": row.weights,
        "origins": " ".join(row.plugins),
        "distillation": row.objective or None,
        "start_from": " ".join(row.starts) or None,
        "seeds": " ".join(sorted(seeds, key=lambda seed: (len(seed), seed))),
        "rank_first": standing and standing.first,
        "rank_last": standing and standing.last,
        **{key: _BY_KEY[key].read(row) for key in SCORE_ORDER},
        # Rounded, so that the last digits of another machine's linear algebra do not show.
        "CIDEr_low": standing and round(standing.low, 6),
        "CIDEr_high": standing and round(standing.high, 6),
        "CIDEr_near_low": standing and round(standing.near_low, 6),
        "CIDEr_near_high": standing and round(standing.near_high, 6),
        "diagnostics": json.dumps({name: row.mean("diagnostics", name) for name in names}),
        **{column.key: column.read(row) for column in _SIZES},
        **place._asdict(),
        **{timing.key: timing.read(row, place) for timing in RATES},
        "fingerprint": table.fingerprint,
        "signature": table.signature,
        "protocol": json.dumps(table.protocol, sort_keys=True),
        "runs": " ".join(run.id for run in row.runs),
    }


def _safe(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula; numbers as they are."""
    if value is None or isinstance(value, int | float):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    text = clean(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
