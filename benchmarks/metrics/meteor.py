"""METEOR 1.5, after Denkowski & Lavie, "Meteor Universal" (WMT 2014), sections 2 and 3."""

import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric
from benchmarks.metrics.java import paraphrases, process
from benchmarks.metrics.java.lines import LineProcess
from benchmarks.metrics.java.ptb_tokenizer import sanitize

# METEOR's loops are short and run a million times. Java's better compiler is to compile whole methods for their next
# call and no loop that runs: that spares 7 % of the processors' time on COCO's captions, a fifth on drawn ones.
_WHOLE_METHODS = "-XX:Tier4BackEdgeThreshold=1000000000"


class Lines(NamedTuple):
    """The references of each image as METEOR reads them, and all of them in any order."""

    images: list[str]
    references: frozenset[str]


class Engine:
    """METEOR's process, with a table of paraphrases that is enough for the references.

    The whole table would take ten seconds to load.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process: LineProcess | None = None
        self._covers: frozenset[str] = frozenset()
        self._cache: Path | None = None
        self._killed = False

    def prepare(self, references: Sequence[Sequence[str]], cache: Path | None = None) -> None:
        """Have it load the paraphrases for these references, cached below `cache`, unless what runs has enough."""
        self._killed, self._cache = False, cache
        lines = _lines(references).references
        with self._lock:
            process.twice(lambda: self._prepared(lines), self._wanted)

    def score(self, candidates: Sequence[str], references: Lines) -> list[float]:
        """The number of each caption, and that of all."""
        pairs = zip(references.images, map(_plain, candidates), strict=True)
        lines = [_line(image, caption) for image, caption in pairs]
        with self._lock:
            return process.twice(lambda: self._scored(lines, references.references), self._wanted)

    def close(self) -> None:
        """End Java and wait until it is gone; the next captions start it again."""
        with self._lock:
            if self._process:
                self._process.close()

    def kill(self) -> None:
        """End Java at once, also while another thread waits for its answer, or is about to start it."""
        self._killed = True
        if self._process:
            self._process.kill()

    def _wanted(self) -> bool:
        return not self._killed

    def _scored(self, lines: Sequence[str], references: frozenset[str]) -> list[float]:
        meteor = self._prepared(references)
        counts = meteor.request(lines, len(lines))
        return [float(number) for number in meteor.request([_line("EVAL", *counts)], len(counts) + 1)]

    def _prepared(self, references: frozenset[str]) -> LineProcess:
        if self._process and self._process.runs and references <= self._covers:
            return self._process
        with tempfile.TemporaryDirectory() as temporary:
            table = paraphrases.cached_table(references, *([self._cache] if self._cache else []), Path(temporary))
            return self._restart(table, references)

    def _restart(self, table: Path, covers: frozenset[str]) -> LineProcess:
        if self._process:
            self._process.close()
        if self._killed:
            raise process.JavaError("METEOR was ended")
        self._process, self._covers = _process(table), covers
        self._process.request([_line("SCORE", "a", "a")], 1)  # once it answers, it has read the table
        return self._process


def _process(table: Path) -> LineProcess:
    program = process.jar("meteor/meteor-1.5.jar")
    return LineProcess(_WHOLE_METHODS, "-jar", program, "-", "-", "-stdio", "-l", "en", "-norm", "-a", str(table))


@cache
def engine() -> Engine:
    """The one METEOR of this process, which every scorer shares: a Java takes a second to start, and up to a GB.

    It is as good as stateless: closed, it starts again when next needed, and it ends with this process.
    """
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

    def compare(self, candidates: Sequence[str], prepared: Lines) -> dict[str, MetricScore]:
        """METEOR.

        Raises:
            JavaError: there is no Java, or METEOR ended or fell silent.
            OSError: its paraphrases cannot be written anywhere.
        """
        *per_image, corpus = self.program.score(candidates, prepared)
        return {"METEOR": MetricScore(corpus, per_image)}


def _lines(references: Sequence[Sequence[str]]) -> Lines:
    images = [[_plain(reference) for reference in image] for image in references]
    return Lines([_line("SCORE", *image) for image in images], frozenset(chain.from_iterable(images)))


def _line(*fields: str) -> str:
    return " ||| ".join(fields)


def _plain(caption: str) -> str:
    """`caption` without what would end a field or a line."""
    return sanitize(caption).replace("|||", "")
