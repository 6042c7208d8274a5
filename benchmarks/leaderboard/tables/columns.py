"""The columns of a table: what each is called, where it is read, how it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.diagnostics import MAIN, OF_ALL, diagnostic
from benchmarks.leaderboard.tables.formatting import BLANK, clean, hundred, millions, number, operations, speed
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table


@dataclass(frozen=True)
class Column:
    """One measured column.

    key: its name in the CSV file and in links; title: at the head of the table, with `unit`
    below; label: where it stands alone; kind: "score", "speed" or "size", by which two
    values are compared; main: shown at once, rather than when chosen.
    """

    key: str
    title: str
    unit: str
    label: str
    kind: str
    read: Callable[[Row], float | None]
    show: Callable[[float], str]
    meaning: str = ""
    main: bool = True

    def text(self, row: Row) -> str:
        """The cell of `row`, as people read it."""
        value = self.read(row)
        return BLANK if value is None else self.show(value)


def columns(table: Table) -> list[Column]:
    """Scores; speeds and times at every place; sizes; diagnostics, those of its data set first."""
    names = {name for row in table.rows for run in row.runs for name in run.diagnostics}
    first, last = ([name for name in listed if name in names] for listed in (MAIN, OF_ALL))
    between = sorted(names - {*first, *last})
    checks = [_check(name, main=place < len(MAIN)) for place, name in enumerate([*first, *between])]
    checks += [_check(name, main=False) for name in last]
    rates = [rate(table, place, timing) for place in table.places for timing in RATES]
    return [*SCORES, *rates, *SIZES, *checks]


def _score(key: str, title: str, meaning: str = "", *, main: bool = True) -> Column:
    return Column(key, title, "× 100", title, "score", lambda row: row.mean("scores", key), hundred, meaning, main)


def _check(name: str, *, main: bool) -> Column:
    title, meaning = diagnostic(name)
    return Column(
        f"check.{clean(name)}", title, "%", f"{title}, %", "score",
        lambda row: row.mean("diagnostics", name), hundred, meaning, main,
    )  # fmt: skip


def positive(value: float | None) -> float | None:
    """`value`, if it is one that a count or a rate can have."""
    return value if value and value > 0 else None


CIDER = _score("CIDEr", "CIDEr", "Agreement with the references in telling word sequences (CIDEr-D); orders the table")
SCORES = (
    CIDER,
    _score("Bleu_4", "BLEU-4", "Sequences of up to four words shared with the references; BLEU-1: single words"),
    _score("METEOR", "METEOR", "Words shared, stems and synonyms counted"),
    _score("ROUGE_L", "ROUGE-L", "Longest common subsequence of words", main=False),
    _score("Bleu_1", "BLEU-1", main=False),
    _score("Bleu_2", "BLEU-2", main=False),
    _score("Bleu_3", "BLEU-3", main=False),
)


@dataclass(frozen=True)
class Timing:
    """A rate or a duration that is measured anew at every place."""

    key: str
    title: str
    unit: str
    read: Callable[[Row, Hardware], float | None]
    meaning: str
    main: bool = False
    kind: str = "speed"


def _throughput(stage: str, items: str) -> Callable[[Row, Hardware], float | None]:
    return lambda row, place: positive(row.median("throughput", f"{stage}_{items}_per_sec", place))


def _encode(row: Row, place: Hardware) -> float | None:
    return row.encode_rates.get(place)


def speeds(row: Row, place: Hardware) -> list[float]:
    """Images per second, backbone and then beam search, of each run at `place`; none if one of them lacks a stage."""
    encode = positive(_encode(row, place))
    beams = [positive(beam) for beam in row.each("throughput", "beam_images_per_sec", place)]
    found = [positive(1 / (1 / encode + 1 / beam)) for beam in beams if beam] if encode else []
    return [speed for speed in found if speed] if None not in [*beams, *found] else []


def _whole(row: Row, place: Hardware) -> float | None:
    return median(found) if (found := speeds(row, place)) else None


SPEED = Timing(
    "images_per_sec", "Speed", "images/s", _whole, "From pixels to captions: backbone, then beam search", main=True
)
RATES = (
    SPEED,
    Timing(
        "encode_images_per_sec", "Encode", "images/s", _encode,
        "The backbone alone: the median of all runs of the table with it",
    ),
    Timing(
        "beam_images_per_sec", "Beam", "images/s", _throughput("beam", "images"),
        "Beam search from features, over every step",
    ),
    Timing(
        "greedy_images_per_sec", "Greedy", "images/s", _throughput("greedy", "images"),
        "The same with the likeliest word each",
    ),
    Timing(
        "train_captions_per_sec", "Train", "captions/s", _throughput("train", "captions"),
        "Captions trained on per second",
    ),
    Timing(
        "train_seconds", "Training", "seconds", lambda row, place: positive(row.median("seconds", "train", place)),
        "Wall time of training, captions of the validation images included; runs it learned or started from are not",
        kind="time", main=True,
    ),
)  # fmt: skip


def rate(table: Table, place: Hardware, timing: Timing = SPEED) -> Column:
    """What `timing` says at one place; of several places each is named by its letter."""
    letter = wording.letter(table, place)
    return Column(
        f"{timing.key}.{letter}" if letter else timing.key,
        timing.title,
        timing.unit + (f" on {letter}" if letter else ""),
        f"{timing.title}, {timing.unit}" + (f" on {letter}" if letter else ""),
        timing.kind,
        lambda row: timing.read(row, place),
        speed,
        timing.meaning,
        timing.main and place == table.places[0],
    )


def _flops(row: Row) -> float | None:
    parts = [number(row.runs[0].flops.get(stage)) for stage in ("encode", "beam")]
    return None if None in parts else positive(sum(filter(None, parts)))


SIZES = (
    Column(
        "params", "Params", "millions", "Params", "size",
        lambda row: positive(number(row.runs[0].params)), millions, "Parameters of the whole model, in millions",
    ),
    Column(
        "trained", "Learning", "millions", "Learning params", "size",
        lambda row: positive(number(row.runs[0].trained)), millions, "Of those, how many learn", main=False,
    ),
    Column(
        "flops", "FLOPs", "G per image", "GFLOPs per image", "size", _flops, operations,
        "Operations of matrix products and convolutions for one image: backbone and beam search, in billions",
        main=False,
    ),
    Column("seeds", "Seeds", "runs", "Seeds", "count", lambda row: len(row.runs), str, "", main=False),
)  # fmt: skip
