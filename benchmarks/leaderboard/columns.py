"""The columns of a table: what each is called, where it is read, how it is shown."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.leaderboard.rows import Row, Table
from benchmarks.leaderboard.text import BLANK, clean, hundred, millions, speed

_TELLING = ("exact", "relation", "binding")  # of the checks on drawn scenes, those that part good from bad


@dataclass(frozen=True)
class Column:
    """One measured column.

    key: its name in the CSV file; title: under the heading `group`; label: without one;
    main: shown at once, rather than with all columns.
    """

    key: str
    title: str
    group: str
    label: str
    read: Callable[[Row], float | None]
    show: Callable[[float], str]
    meaning: str
    main: bool = True

    def text(self, row: Row) -> str:
        """The cell of `row`, as people read it."""
        value = self.read(row)
        return BLANK if value is None else self.show(value)


def columns(table: Table) -> list[Column]:
    """Scores, costs, and whatever its data set alone can tell."""
    names = {name for row in table.rows for run in row.runs for name in run.diagnostics}
    telling = [name for name in _TELLING if name in names]
    checks = [_check(name, place) for place, name in enumerate([*telling, *sorted(names - set(telling))])]
    return [*SCORES, *COSTS, _SEEDS, *checks]


def _score(key: str, title: str, meaning: str = "", *, main: bool = True) -> Column:
    group = "Captions, × 100"
    return Column(key, title, group, title, lambda row: row.mean("scores", key), hundred, meaning, main)


def _rate(key: str, title: str, group: str, label: str, meaning: str, *, main: bool = True) -> Column:
    return Column(key, title, group, label, lambda row: _positive(row.median("throughput", key)), speed, meaning, main)


def _positive(value: float | None) -> float | None:
    return value if value and value > 0 else None


def _check(name: str, place: int) -> Column:
    title, main = clean(name).replace("_", " "), place < len(_TELLING)
    meaning = "Share that pass this check of the data set: see its documentation"
    return Column(
        name, title, "Scene checks, %", f"{title}, %",
        lambda row: row.mean("diagnostics", name), hundred, meaning, main,
    )  # fmt: skip


CIDER = _score("CIDEr", "CIDEr", "Agreement with the references in telling word sequences (CIDEr-D); orders the table")
BEAM = _rate(
    "beam_images_per_sec",
    "beam",
    "Images per second",
    "Beam images/s",
    "Beam search from features, over every step; the backbone is Encode images/s",
)
SCORES = (
    CIDER,
    _score("Bleu_4", "BLEU-4", "Sequences of up to four words shared with the references; BLEU-1: single words"),
    _score("METEOR", "METEOR", "Words shared, stems and synonyms counted"),
    _score("ROUGE_L", "ROUGE-L", "Longest common subsequence of words"),
    _score("Bleu_1", "BLEU-1", main=False),
    _score("Bleu_2", "BLEU-2", main=False),
    _score("Bleu_3", "BLEU-3", main=False),
)
COSTS = (
    BEAM,
    _rate("greedy_images_per_sec", "greedy", BEAM.group, "Greedy images/s", "The same with the likeliest word each"),
    _rate("encode_images_per_sec", "encode", BEAM.group, "Encode images/s", "The backbone alone", main=False),
    _rate("train_captions_per_sec", "captions/s", "Training", "Train captions/s", "Captions trained on per second"),
    Column(
        "train_seconds", "seconds", "Training", "Train seconds",
        lambda row: row.median("seconds", "train"), speed, "How long training took", main=False,
    ),
    Column(
        "params", "params", "Model", "Params",
        lambda row: _positive(row.runs[0].params), millions, "Parameters of the whole model, in millions",
    ),
    Column(
        "trained", "learning", "Model", "Learning params",
        lambda row: _positive(row.runs[0].trained), millions, "Of those, how many learn", main=False,
    ),
)  # fmt: skip
_SEEDS = Column("n_seeds", "seeds", "Runs", "Seeds", lambda row: len(row.runs), str, "", main=False)
