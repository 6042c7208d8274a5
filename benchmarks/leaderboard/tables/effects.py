"""What swapping one part changes: paired differences over everything else, with intervals."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from benchmarks.leaderboard.tables.bootstrap import LEVEL, PLANNED
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

FLOOR = "mean"  # the attention that cannot look: it averages all places alike


@dataclass(frozen=True)
class Effect:
    """The mean difference in CIDEr, raw, when `base` is swapped for `value` and nothing else is.

    low, high: 95 % for all effects of a table at once, NaN without scores per image;
    helped: in how many of the `pairs` the score rose.
    """

    part: str
    base: str
    value: str
    difference: float
    low: float
    high: float
    helped: int
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def effects(table: Table) -> list[Effect]:
    """Of every part that varies, each value against the base; the largest effect of a part first."""
    scored = {row: score for row in table.rows if (score := row.mean("scores", "CIDEr")) is not None}
    found: list[tuple[str, str, str, list[tuple[Row, Row]]]] = []
    for part in PARTS:
        contexts = _contexts(table, part)
        base = _base(table, part, contexts)
        swaps: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
        for each in contexts:
            for value in each.keys() - {base} if base in each else ():
                swaps[value].append((each[value], each[base]))
        found += [(part, base, value, swaps[value]) for value in sorted(swaps)]
    intervals = _intervals(table, [pairs for *_, pairs in found])
    found_effects = []
    for (part, base, value, pairs), half in zip(found, intervals, strict=True):
        changes = [scored[new] - scored[old] for new, old in pairs]
        mean, helped = fmean(changes), sum(change > 0 for change in changes)
        found_effects.append(Effect(part, base, value, mean, mean - half, mean + half, helped, len(pairs)))
    return sorted(found_effects, key=lambda effect: (PARTS.index(effect.part), -effect.difference, effect.value))


def _contexts(table: Table, part: str) -> list[Mapping[str, Row]]:
    """Rows that differ in `part` alone, by its value; of two plug-ins of one name the better one."""
    axis = PARTS.index(part)
    groups = [rows for key, rows in table.swaps.items() if key[0] == axis]
    uniform = set(table.uniform)  # the others differ in more than parts
    compared = [[row for row in rows if row in uniform] for rows in groups]
    return [{row.parts[axis]: row for row in reversed(rows)} for rows in compared if rows]


def _base(table: Table, part: str, contexts: Sequence[Mapping[str, Row]]) -> str:
    """What the others are held against: the attention that cannot look; else what pairs with most."""
    counts = Counter(value for each in contexts if len(each) > 1 for value in each)
    floors = [value for value in counts if part == "attention" and value.partition("(")[0] == FLOOR]
    return min(floors or table.axes[part], key=lambda value: (-counts[value], value))


def _intervals(table: Table, found: Sequence[Sequence[tuple[Row, Row]]]) -> list[float]:
    """Half the width of the interval around each mean difference, by one max-t threshold for all of them."""
    if not found:
        return []
    errors = _changes(table, table.ranking.draws, found).std(axis=1)
    drift = _changes(table, table.ranking.strays, found)
    drift -= drift.mean(axis=1, keepdims=True)
    size = np.divide(np.abs(drift), errors[:, None], out=np.zeros_like(drift), where=errors[:, None] > 0)
    known = size[~np.isnan(errors)]
    threshold = max(PLANNED, float(np.quantile(known.max(axis=0), LEVEL))) if len(known) else math.nan
    return [threshold * error for error in errors.tolist()]


def _changes(table: Table, draws: np.ndarray, found: Sequence[Sequence[tuple[Row, Row]]]) -> np.ndarray:
    """The mean difference of each swap in each resample: (swaps, RESAMPLES)."""
    each = [[draws[:, table.index[new]] - draws[:, table.index[old]] for new, old in pairs] for pairs in found]
    return np.stack([np.mean(changes, axis=0) for changes in each])
