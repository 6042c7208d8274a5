"""The tables that rows stand in."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.leaderboard.tables.bootstrap import Ranking, Standing, rank
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row, digest_of
from benchmarks.leaderboard.tables.short_names import short_names
from benchmarks.records.record import PARTS


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that may be compared: one data set, split, protocol and scorer; speeds by the place of their measurement.

    The best mean CIDEr is first, entries without one are last.
    """

    dataset: str
    split: str
    synthetic: bool
    random: bool  # untrained backbones, which are compared with no others
    fingerprint: str
    signature: str
    protocol: Mapping[str, Any]
    rows: tuple[Row, ...]
    number: int = 1  # on the page

    @cached_property
    def key(self) -> str:
        """What names the table in links, whatever else is on the page."""
        data = (self.synthetic, self.dataset, self.split, self.fingerprint, self.random)
        return "t" + digest_of(*data, self.signature, dict(self.protocol))

    def anchor(self, row: Row) -> str:
        """The id of `row` on the page."""
        return f"{self.key}-{row.key}"

    @cached_property
    def ranking(self) -> Ranking:
        """How the rows compare."""
        return rank([row.per_image for row in self.rows], [row.seed_scores or [0.0] for row in self.rows])

    @cached_property
    def places(self) -> list[Hardware]:
        """Where speeds were measured, the place of most rows first."""
        counts = Counter(place for row in self.rows for place in row.timed)
        return sorted(counts, key=lambda place: (-counts[place], place))

    @cached_property
    def extent(self) -> tuple[float, float] | None:
        """The least and the greatest CIDEr, intervals included; None where no captions were scored."""
        ends = [score for row in self.rows if (score := row.mean("scores", "CIDEr")) is not None]
        for standing in filter(None, self.ranking.standings):
            ends += [standing.low, standing.high, standing.near_low, standing.near_high]
        return (min(ends), max(ends)) if ends else None

    def standing(self, row: Row) -> Standing | None:
        """Where `row` stands among the others, None without scores per image."""
        return self.ranking.standings[self.index[row]]

    @cached_property
    def index(self) -> dict[Row, int]:
        """The place of each row."""
        return {row: place for place, row in enumerate(self.rows)}

    @cached_property
    def tied(self) -> list[Row]:
        """The rows that no other is clearly better than."""
        places = zip(self.rows, self.ranking.standings, strict=True)
        return [row for row, standing in places if standing and standing.first == 1]

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """The values of every part, in order."""
        return {part: sorted({row.parts[axis] for row in self.rows}) for axis, part in enumerate(PARTS)}

    @cached_property
    def varying(self) -> list[str]:
        """The parts that differ between rows; all three if none does."""
        return [part for part in PARTS if len(self.axes[part]) > 1] or list(PARTS)

    @cached_property
    def shared(self) -> list[str]:
        """The parts that all rows have alike, where they differ in others."""
        return [part for part in PARTS if part not in self.varying]

    def name(self, row: Row, *, beside: Row | None = None) -> str:
        """What distinguishes `row` from its neighbours, as short as possible; or its parts that `beside` has not."""
        suffix = f", ensemble of {row.ensemble}" if row.ensemble else ""
        if beside and (suffix or row.parts != beside.parts):
            own = [part for part in self.varying if row.parts[PARTS.index(part)] != beside.parts[PARTS.index(part)]]
        else:
            own = self.varying
        parts = " + ".join(self.short(part, row.parts[PARTS.index(part)]) for part in own)
        suffix += f", from {row.starts[0]}" if row in self.parted else ""
        if not parts:
            return suffix.lstrip(", ")
        if not row.objective:
            return parts + suffix
        one = len({each.objective for each in self.rows if each.objective and each.parts == row.parts}) == 1
        return f"{parts}, {'distilled' if one else row.objective}{suffix}"

    @cached_property
    def parted(self) -> frozenset[Row]:
        """The rows beside which there are others that are like them but for the runs they started from."""
        alike: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.rows:
            alike[row.parts, row.weights, row.origins, row.ensemble, row.objective].append(row)
        return frozenset(row for rows in alike.values() if len({each.starts for each in rows}) > 1 for row in rows)

    def start(self, row: Row) -> str:
        """What rows have in common that started from comparable runs: how these were trained, parts and seed aside.

        Where that is not known, and like rows started from other runs, it is the runs themselves.
        """
        return row.start_training or (" ".join(row.starts) if row in self.parted else "")

    def short(self, part: str, text: str) -> str:
        """`text` without the options that do not tell it from the others of its kind."""
        return self._short[part][text]

    @cached_property
    def uniform(self) -> list[Row]:
        """The rows that say what parts do: single models of one objective and start, those of most; else ensembles."""
        groups: dict[tuple[bool, str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            groups[bool(row.members), row.objective, self.start(row)].append(row)
        return groups[min(groups, key=lambda each: (each[0], -len(groups[each]), each[1:]))]

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """The row of each run, by its id."""
        return {run.id: row for row in self.rows for run in row.runs}

    @cached_property
    def swaps(self) -> dict[tuple[Any, ...], list[Row]]:
        """The rows with a CIDEr, the best first, by all that they have but one part: their `swap_key`."""
        found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.rows:
            if row.mean("scores", "CIDEr") is not None:
                for axis in range(len(PARTS)):
                    found[self.swap_key(row, axis)].append(row)
        return found

    def swap_key(self, row: Row, axis: int) -> tuple[Any, ...]:
        """What rows share that differ in the part of this axis alone; of one name there may be two plug-ins."""
        others = (*row.parts[:axis], *row.parts[axis + 1 :], *row.origins[:axis], *row.origins[axis + 1 :])
        weights = "" if PARTS[axis] == "backbone" else row.weights
        return (axis, *others, weights, row.ensemble, row.objective, self.start(row))

    @cached_property
    def _short(self) -> dict[str, dict[str, str]]:
        return {part: short_names(values) for part, values in self.axes.items()}
