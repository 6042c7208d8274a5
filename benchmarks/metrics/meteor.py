"""METEOR 1.5, after Denkowski & Lavie, "Meteor Universal" (WMT 2014), sections 2 and 3."""

import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric
from benchmarks.metrics.java import paraphrases, process
from benchmarks.metrics.java.ptb_tokenizer import sanitize

# METEOR's loops are short and run a million times. Java's better compiler is to compile whole methods for their next
# call and no loop that runs: that spares 7 % of the processors' time on COCO's captions, a fifth on drawn ones.
_WHOLE_METHODS = "-XX:Tier4BackEdgeThreshold=1000000000"


class Lines(NamedTuple):
    """The references of each image as METEOR reads them, and all of them in any order."""

    images: list[str]
    references: frozenset[str]


class Engine:
    """METEOR's process, with a table of paraphrases that is enough for what it is asked.

    The whole table would take ten seconds to load.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process: process.LineProcess | None = None
        self._enough_for: frozenset[str] = frozenset()

    def prepare(self, references: Sequence[Sequence[str]], cache: Path | None = None) -> None:
        """Have it load the paraphrases for these references, kept below `cache`, unless what runs has enough."""
        with self._lock:
            self._ready(_lines(references).references, cache)

    def score(self, candidates: Sequence[str], references: Lines) -> list[float]:
        """The number of each caption, and that of all."""
        lines = [_line(said, _plain(caption)) for caption, said in zip(candidates, references.images, strict=True)]
        with self._lock:
            meteor = self._ready(references.references, None)
            counts = meteor.ask(lines, len(lines))
            return [float(number) for number in meteor.ask([_line("EVAL", *counts)], len(counts) + 1)]

    def kill(self) -> None:
        """End it, also while another thread asks it."""
        if self._process:
            self._process.kill()

    def _ready(self, references: frozenset[str], cache: Path | None) -> process.LineProcess:
        if self._process and self._process.runs and references <= self._enough_for:
            return self._process
        with tempfile.TemporaryDirectory() as passing:
            table = paraphrases.kept(references, *([cache] if cache else []), Path(passing))
            return self._restart(table, references)

    def _restart(self, table: Path, enough_for: frozenset[str]) -> process.LineProcess:
        if self._process:
            self._process.close()
        self._process, self._enough_for = _process(table), enough_for
        self._process.ask([_line("SCORE", "a", "a")], 1)  # once it answers, it has read the table
        return self._process


def _process(table: Path) -> process.LineProcess:
    program = process.jar("meteor/meteor-1.5.jar")
    return process.LineProcess(
        _WHOLE_METHODS, "-jar", program, "-", "-", "-stdio", "-l", "en", "-norm", "-a", str(table)
    )


@cache
def engine() -> Engine:
    """The one METEOR of this Python."""
    return Engine()


@METRICS.register("meteor")
class Meteor(PreparedMetric[Lines]):
    """Words aligned by form, stem, synonym or paraphrase, with a penalty for broken order.

    An image's number is that of its best reference; the number for all images pools their
    counts. Computed by the authors' own program, in Java.
    """

    columns = ("METEOR",)
    signature = "meteor-1.5"

    def __init__(self) -> None:
        self.program: Engine = engine()

    def prepare_references(self, references: Sequence[Sequence[str]]) -> Lines:
        """The references as METEOR reads them."""
        return _lines(references)

    def compare(self, candidates: Sequence[str], weighed: Lines) -> dict[str, MetricScore]:
        """METEOR.

        Raises:
            JavaError: there is no Java, or METEOR ended or fell silent.
            OSError: its paraphrases cannot be written anywhere.
        """
        *per_image, corpus = self.program.score(candidates, weighed)
        return {"METEOR": MetricScore(corpus, per_image)}


def _lines(references: Sequence[Sequence[str]]) -> Lines:
    images = [[_plain(each) for each in said] for said in references]
    return Lines([_line("SCORE", *said) for said in images], frozenset(each for said in images for each in said))


def _line(*fields: str) -> str:
    return " ||| ".join(fields)


def _plain(caption: str) -> str:
    """`caption` without what would end a field or a line."""
    return sanitize(caption).replace("|||", "")
