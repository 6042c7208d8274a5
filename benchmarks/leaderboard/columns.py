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


def score(key: str, title: str, meaning: str, *, main: bool = True) -> Column:
    """A caption metric, mean over seeds."""
    return Column(key, title, "Captions, × 100", title, lambda row: row.mean("scores", key), hundred, meaning, main)  # noqa: RUF001


def rate(key: str, title: str, group: str, label: str, meaning: str) -> Column:
    """A throughput, median over seeds."""
    return Column(key, title, group, label, lambda row: row.median("throughput", key), speed, meaning)


CIDER = score("CIDEr", "CIDEr", "Agreement with the references in telling word sequences (CIDEr-D); orders the table")
SCORES = (
    CIDER,
    score("Bleu_4", "BLEU-4", "Word sequences shared with the references, up to four words long; BLEU-1 to BLEU-3 up to so many"),
    score("METEOR", "METEOR", "Words shared, stems and synonyms counted"),
    score("ROUGE_L", "ROUGE-L", "Longest common subsequence of words"),
    score("Bleu_1", "BLEU-1", "", main=False),
    score("Bleu_2", "BLEU-2", "", main=False),
    score("Bleu_3", "BLEU-3", "", main=False),
)
BEAM = rate("beam_images_per_sec", "beam", "Images per second", "Beam images/s", "Captioning with beam search")
COSTS = (
    BEAM,
    rate("greedy_images_per_sec", "greedy", "Images per second", "Greedy images/s", "Captioning, always taking the likeliest word"),
    rate("train_captions_per_sec", "captions/s", "Training", "Train captions/s", "Captions learnt from per second of training"),
    Column(
        "train_seconds", "seconds", "Training", "Train seconds", lambda row: row.median("seconds", "train"), speed,
        "How long training took", main=False,
    ),
    Column(
        "params", "params", "Model", "Params", lambda row: float(row.runs[0].params) or None, millions,
        "Parameters of the whole model, in millions",
    ),
    Column(
        "trained", "learning", "Model", "Learning params", lambda row: float(row.runs[0].trained) or None, millions,
        "Of those, how many learn; the rest is frozen", main=False,
    ),
)  # fmt: skip


def columns(table: Table) -> list[Column]:
    """Scores, costs, and whatever its data set alone can tell."""
    names = {name for row in table.rows for run in row.runs for name in run.diagnostics}
    telling = [name for name in _TELLING if name in names]
    others = sorted(names - set(telling))
    checks = [_check(name, main=place < len(_TELLING)) for place, name in enumerate(telling + others)]
    return [*SCORES, *COSTS, *checks]


def _check(name: str, *, main: bool) -> Column:
    title = clean(name).replace("_", " ")
    meaning = "Share of captions for which this check of the data set holds"
    return Column(name, title, "Scene checks, %", f"{title}, %", lambda row: row.mean("diagnostics", name), hundred, meaning, main)
