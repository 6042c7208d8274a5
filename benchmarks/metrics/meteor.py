"""METEOR 1.5, after Denkowski & Lavie, "Meteor Universal" (WMT 2014), sections 2 and 3."""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks import java, paraphrases
from benchmarks.metrics import METRICS, MetricScore, WeighingMetric
from benchmarks.tokenizer import sanitize


class Engine:
    """METEOR's process, with a table of paraphrases that is enough for what it is asked.

    The whole table takes seconds to load.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process = _process(None)
        self._enough_for: frozenset[str] | None = None  # for these references; None: for all

    def start(self) -> None:
        """Let it start with the whole table, unless it runs."""
        with self._lock:
            if not self._process.runs:
                self._restart(None, None)

    def prepare(self, references: frozenset[str], cache: Path | None) -> None:
        """Let it start with the table for these references, kept below `cache`, unless what runs has enough."""
        with self._lock:
            enough = self._enough_for is None or references <= self._enough_for
            if not (self._process.runs and enough):
                table = paraphrases.kept(references, cache) if cache else None
                self._restart(table, references if table else None)

    def ask(self, lines: Sequence[str], references: frozenset[str], cache: Path | None) -> list[str]:
        """Its answers to `lines`, one each."""
        with self._lock:
            self.prepare(references, cache)
            return self._process.ask(lines, len(lines))

    def sum(self, counts: Sequence[str]) -> list[str]:
        """The numbers of single captions and that of all, from the answers: for that, any table will do."""
        with self._lock:
            return self._process.ask([_line("EVAL", *counts)], len(counts) + 1)

    def kill(self) -> None:
        """End it, also while another thread asks it."""
        self._process.kill()

    def _restart(self, table: Path | None, enough_for: frozenset[str] | None) -> None:
        self._process.close()
        self._process, self._enough_for = _process(table), enough_for
        self._process.start()


def _process(table: Path | None) -> java.LineProcess:
    chosen = ("-a", str(table)) if table else ()
    program = java.jar("meteor/meteor-1.5.jar")
    return java.LineProcess("-jar", program, "-", "-", "-stdio", "-l", "en", "-norm", *chosen)


@cache
def engine() -> Engine:
    """The one METEOR of this Python."""
    return Engine()


class Lines(NamedTuple):
    """The references of each image as METEOR reads them, and all of them in any order."""

    images: list[str]
    references: frozenset[str]


@METRICS.register("meteor")
class Meteor(WeighingMetric[Lines]):
    """Words aligned by form, stem, synonym or paraphrase, with a penalty for broken order.

    An image's number is that of its best reference; the number for all images pools their
    counts. Computed by the authors' own program, in Java.
    """

    columns = ("METEOR",)
    signature = "meteor-1.5"

    def __init__(self) -> None:
        self.program = engine()

    def weigh(self, references: Sequence[Sequence[str]]) -> Lines:
        """The references as METEOR reads them; it starts with what it needs of its paraphrases for them."""
        images = [[_plain(each) for each in said] for said in references]
        lines = Lines([_line("SCORE", *said) for said in images], frozenset(each for said in images for each in said))
        engine().prepare(lines.references, self.cache)
        return lines

    def compare(self, candidates: Sequence[str], weighed: Lines) -> dict[str, MetricScore]:
        """METEOR.

        Raises:
            JavaError: there is no Java, or METEOR ended or fell silent.
        """
        lines = [_line(said, _plain(caption)) for caption, said in zip(candidates, weighed.images, strict=True)]
        counts = engine().ask(lines, weighed.references, self.cache)
        *per_image, corpus = map(float, engine().sum(counts))
        return {"METEOR": MetricScore(corpus, per_image)}


def _line(*fields: str) -> str:
    return " ||| ".join(fields)


def _plain(caption: str) -> str:
    """`caption` without what would end a field or a line."""
    return sanitize(caption).replace("|||", "")
