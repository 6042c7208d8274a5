"""What a table says of itself in words: what it is on, where it ran, how it was done."""

from collections.abc import Mapping
from typing import Any

from benchmarks.leaderboard.tables.distillation import distillation
from benchmarks.leaderboard.tables.formatting import BLANK, clean, counted, hundred, number
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS, RunRecord

SYNTHETIC = "Synthetic scenes, not photographs: these scores say nothing of COCO."
UNTRAINED = "Backbones with random weights: these scores say nothing of trained ones."


_FEW = 10_000  # training images; COCO has 118,287


def notices(table: Table) -> list[str]:
    """What a reader must know before the first number."""
    return [SYNTHETIC] * table.synthetic + _held_out(table) + _sample(table) + [UNTRAINED] * table.random


def _held_out(table: Table) -> list[str]:
    """Whether the test images are some of the published training images."""
    name = clean(table.rows[0].runs[0].data.get("held_out_from", ""))
    compare = "these scores choose settings, and do not compare with those on a published test split."
    return [f"Tested on images held out from {name}: {compare}"] if name else []


def _sample(table: Table) -> list[str]:
    """Of photographs, whether they are too few to tell how good a model can get."""
    data = table.rows[0].runs[0].data
    train, test = number(data.get("train")), number(data.get("test"))
    if table.synthetic or train is None or train >= _FEW:
        return []
    tested = "" if test is None else f", tested on {counted(int(test), 'image')}"
    learned = counted(int(train), "photograph")
    return [f"A small sample: trained on {learned}{tested}. These scores do not compare with those on other images."]


def headline(table: Table) -> str:
    """The data set and its test split."""
    words = [table.dataset, table.split, "random weights" if table.random else ""]
    return ", ".join(clean(word) for word in words if word)


def environment(place: Hardware) -> str:
    """The machine and the batch, as far as speed depends on them."""
    words = [
        clean(place.device),
        clean(place.processor),
        f"{clean(place.threads)} {'thread' if place.threads == '1' else 'threads'}" if place.threads else "",
        f"{clean(place.workers)} cells at once" if place.workers else "",
        f"batch {clean(place.batch)}" if place.batch else "",
        f"captioning in {clean(place.precision)}" if place.precision else "",
    ]
    return ", ".join(word for word in words if word) if any(place[:-1]) else "environment not recorded"


def letter(table: Table, place: Hardware) -> str:
    """A letter for each place where speeds were measured; none where there is one place."""
    index = table.places.index(place)
    return "" if len(table.places) == 1 else chr(ord("A") + index) if index < 26 else f"#{index + 1}"


def places(table: Table) -> str:
    """Every place with its letter."""
    named = [(letter(table, place), environment(place)) for place in table.places]
    return "; ".join(f"{name}: {text}" if name else text for name, text in named)


def protocol(table: Table) -> list[tuple[str, str]]:
    """What every run of the table was asked for, beside its parts and seed."""
    return [
        ("version" if name == "protocol" else _plain(name), _said(value))
        for name, value in sorted(table.protocol.items())
    ]


def extent(table: Table) -> str:
    """How many entries, runs and images a table rests on, and in which parts the entries differ."""
    images = [counted(table.ranking.images, "image")] if table.ranking.images else []
    runs = counted(sum(len(row.runs) for row in table.rows), "run")
    entries = f"{len(table.rows)} {'entry' if len(table.rows) == 1 else 'entries'}"
    if parts := [part for part in PARTS if len(table.axes[part]) > 1]:
        entries += f" that differ in {' and '.join(parts)}"
    return ", ".join([entries, runs, *images])


def data(table: Table) -> list[tuple[str, str]]:
    """What is known of the data set beside its fingerprint."""
    known = table.rows[0].runs[0].data
    return [(_plain(name), _said(known[name])) for name in sorted(known) if name != "fingerprint"]


def seeds(table: Table) -> str:
    """How many runs stand behind each entry."""
    counts = sorted({len(row.runs) for row in table.rows if not row.ensemble} or {len(row.runs) for row in table.rows})
    return f"{counted(counts[0], 'seed')} each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds each"


def noise(table: Table) -> str:
    """What the intervals and ranks rest on."""
    if not any(table.ranking.standings):
        return "No scores per image were recorded, so there are no intervals and no ranks."
    if table.ranking.seed_sd is None:
        return "With one seed per entry, intervals and ranks cover the choice of test images, not the luck of training."
    spread = hundred(table.ranking.seed_sd)
    return f"Intervals and ranks cover the choice of test images and of seeds (SD between seeds: {spread} CIDEr)."


def rank(table: Table, row: Row) -> str:
    """The ranks not significantly different from the row's own."""
    standing = table.standing(row)
    if standing is None:
        return "-"
    return str(standing.first) if standing.first == standing.last else f"{standing.first}{BLANK}{standing.last}"


def marks(table: Table, row: Row) -> list[str]:
    """What a reader must know of a row before comparing it."""
    lone = len(row.runs) == 1 and not row.ensemble and table.ranking.seed_sd is not None
    apart = bool(row.per_image) and table.standing(row) is None and table.ranking.images > 1
    found = (
        [f"ensemble of {row.ensemble}"] * bool(row.ensemble)
        + [found for found in [distilled(table, row)] if found]
        + [started(row)] * (row in table.parted)
        + ["random weights"] * row.random
        + ["1 seed"] * lone
        + ["scored on other images"] * apart
    )
    return found + [f"plug-in {clean(file)}" for file in row.plugins]


def started(row: Row) -> str:
    """From which runs the models of a row started."""
    return f"started from {'run' if len(row.starts) == 1 else 'runs'} {clean(', '.join(row.starts))}"


def distilled(table: Table, row: Row) -> str:
    """From which model those of a row learned, by its name where the table has it, and how; empty where from none."""
    learned = distillation(row.runs[0])
    if learned is None:
        return ""
    found, how = table.row_of.get(learned.teacher), learned.settings
    source = table.name(found, beside=row) if found else f"run {learned.teacher}"
    return clean(f"distilled from {source}" + ("" if how == "distillation" else f" by {how}"))


def variant(record: RunRecord) -> str:
    """Which of the runs of its parts a record is of: a seed's or an ensemble's, and of which teacher."""
    members, learned = record.request.get("ensemble"), distillation(record)
    which = f"ensemble of {len(members)}" if members else f"seed {clean(record.seed)}"
    return f"{which}, distilled from run {learned.teacher}" if learned else which


def reason(record: RunRecord) -> str:
    """Why a run failed."""
    return clean(record.error or "") or "no reason was recorded"


def _plain(name: object) -> str:
    return clean(name).replace("_", " ")


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(name)} {_said(value[name])}" for name in sorted(value))
    if isinstance(value, list | tuple):
        return ", ".join(_said(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return {"True": "yes", "False": "no", "None": "none"}.get(str(value), clean(value))
