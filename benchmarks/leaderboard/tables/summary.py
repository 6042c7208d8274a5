"""Run records, grouped into tables of rows: only what may be compared stands together."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.leaderboard.tables.distillation import distillation
from benchmarks.leaderboard.tables.encoding import encode_rates
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import HOME, RANDOM, Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS, RunRecord, canonical

_WEIGHTS = "backbone weights"  # which the row's weights tell by their own hash
_OBJECTIVE = "objective"  # in the settings of training, and of a plug-in's objective among the sources
# What a request says of one cell or of its data set; the rest is the protocol.
PER_CELL = frozenset((*PARTS, "sources", "seed", "dataset", "fingerprint", "start_from", "ensemble"))


@dataclass(frozen=True, eq=False)
class Summary:
    """All that the files show: tables, failed runs, and which records they were made of."""

    tables: tuple[Table, ...]
    failed: tuple[RunRecord, ...]
    records: int
    digest: str
    finished: str


def summarise(records: Iterable[RunRecord]) -> Summary:
    """Group `records`, whatever their order."""
    texts = {canonical(record.to_json()): record for record in records}
    digest, ordered = hashlib.sha256(), []
    for number, text in enumerate(sorted(texts)):
        digest.update(b"\n" * bool(number) + text.encode())
        ordered.append(texts[text])
    return Summary(
        tables=tuple(_tables([record for record in ordered if record.done])),
        failed=tuple(sorted((record for record in ordered if not record.done), key=_cell)),
        records=len(ordered),
        digest=digest.hexdigest(),
        finished=max((record.finished for record in ordered), default=""),
    )


def _tables(done: Sequence[RunRecord]) -> Iterable[Table]:
    by_id = {run.id: run for run in done}
    groups: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for record in done:
        protocol = {key: value for key, value in record.request.items() if key not in PER_CELL}
        own: tuple[str, ...] = PARTS
        if distillation(record):  # a row says that, beside those of models that were trained alike but for it
            own += (_OBJECTIVE,)
            protocol["training"] = {name: each for name, each in protocol["training"].items() if name != _OBJECTIVE}
        if others := {name: code for name, code in _sources(record).items() if not name.startswith(own)}:
            protocol["sources"] = others  # of metrics, data sets and objectives
        if record.request.get("start_from"):
            protocol["start_from"] = "a trained run"
        fingerprint = str(record.data.get("fingerprint", ""))
        data = (record.synthetic, record.dataset, record.split, fingerprint, record.weights == RANDOM, record.signature)
        groups[*data, json.dumps(protocol, sort_keys=True)].append(record)
    for number, key in enumerate(sorted(groups), start=1):
        synthetic, dataset, split, fingerprint, random, signature, protocol = key
        rows = tuple(sorted(_rows(groups[key], by_id), key=_best_first))
        protocol = json.loads(protocol)
        yield Table(dataset, split, synthetic, random, fingerprint, signature, protocol, rows, number)


def _rows(runs: Iterable[RunRecord], by_id: Mapping[str, RunRecord]) -> Iterable[Row]:
    """Those of one table; by_id: all runs that are done, some of which others started from."""
    groups: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.finished):
        parts = tuple(run.parts.get(part, "") for part in PARTS)
        members = tuple(sorted(run.request.get("ensemble", {}).values()))  # an ensemble is one entry, not a seed
        origins = tuple(_origin(run, part) for part in PARTS)
        learned = distillation(run)
        if learned and (code := _sources(run).get(_OBJECTIVE)):  # a row is of one version of its file
            origins += (f"{_OBJECTIVE} {str(code)[:8]}",)
        groups[parts, run.weights, origins, members, str(learned.objective) if learned else ""].append(run)
    found = [(key, each) for key, alike in groups.items() for each in _by_start(alike, by_id)]
    places = [_timed(each) for _, each in found]
    for (key, each), timed, rates in zip(found, places, encode_rates(places), strict=True):
        parts, weights, origins, members, objective = key
        start = by_id.get(_start(each[0]))
        training = _training(start, parts[0]) if start else ""
        yield Row(parts, weights, origins, _latest(each), timed, rates, members, objective, training)


def _timed(runs: Iterable[RunRecord]) -> dict[Hardware, tuple[RunRecord, ...]]:
    """Those of one row by where they were timed."""
    places: dict[Hardware, list[RunRecord]] = defaultdict(list)
    for run in runs:
        places[Hardware.of(run)].append(run)
    return {place: _latest(each) for place, each in places.items()}


def _by_start(runs: list[RunRecord], by_id: Mapping[str, RunRecord]) -> list[list[RunRecord]]:
    """`runs`, apart where of one seed they started from several runs.

    Those whose starts were trained alike but for the seed, which only the starts' records tell, stay together as far
    as no seed has two of these starts.
    """
    if not _has_two_starts(runs):
        return [runs]
    alike = _grouped(runs, lambda run: _but_seed(by_id[_start(run)]) if _start(run) in by_id else _start(run))
    return [part for each in alike for part in (_grouped(each, _start) if _has_two_starts(each) else [each])]


def _but_seed(run: RunRecord) -> str:
    return canonical({**run.request, "seed": 0})


def _training(start: RunRecord, backbone: str) -> str:
    """By what settings a run was trained that a row with this backbone starts from.

    And on which data, whether it started from a trained run itself, and whether its backbone was another, a frozen one.
    """
    known = {name: start.request.get(name) for name in ("training", "fingerprint")}
    return canonical({**known, "started": bool(_start(start)), "frozen": start.parts.get(PARTS[0], "") != backbone})


def _has_two_starts(runs: Iterable[RunRecord]) -> bool:
    """Whether of one seed they started from several runs."""
    starts = {(run.seed, _start(run)) for run in runs}
    return len(starts) > len({seed for seed, _ in starts})


def _grouped(runs: Iterable[RunRecord], key: Callable[[RunRecord], str]) -> list[list[RunRecord]]:
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return list(groups.values())


def _start(run: RunRecord) -> str:
    return str(run.request.get("start_from", ""))


def _latest(runs: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """One for each seed; of one seed run twice, the later counts."""
    seeds = {run.seed: run for run in runs}
    return tuple(seeds[seed] for seed in sorted(seeds))


def _origin(run: RunRecord, part: str) -> str:
    """Where a part came from, without folders; a plug-in's file with the hash of its text, nested ones' too."""
    file = re.split(r"[\\/]", run.origins.get(part, HOME))[-1]
    codes = [
        str(code)[:8] for name, code in sorted(_sources(run).items()) if name.startswith(part) and name != _WEIGHTS
    ]
    return " ".join([file, *codes])


def _sources(run: RunRecord) -> Mapping[str, Any]:
    """The hash of every file that is not the project's, by what it is for."""
    found = run.request.get("sources", {})
    return found if isinstance(found, Mapping) else {}


def _best_first(row: Row) -> tuple[Any, ...]:
    score = row.mean("scores", "CIDEr")
    return score is None, -(score or 0.0), row.parts, row.weights, row.origins, row.members, row.objective, row.starts


def _cell(record: RunRecord) -> tuple[Any, ...]:
    return record.dataset, *(record.parts.get(part, "") for part in PARTS), record.seed, record.id
