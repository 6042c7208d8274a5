"""All metrics over captions with five references each, beside pycocoevalcap as shipped."""

from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed import scoring
from benchmarks.speed.baselines import apart
from benchmarks.speed.pairs import Rounds, Spread, add_figures
from benchmarks.speed.sizes import Size

_EQUAL = 1e-9
_KEPT = {"references", "paraphrases"}  # folders of the cache


def test_score(benchmark: BenchmarkFixture, size: Size, tmp_path: Path) -> None:
    """The first, the next and another process's scoring, against pycocoevalcap on the same Java; scores must agree."""
    kinds = ("first", "next", "again", "theirs")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}

    def round_() -> None:
        cache = tmp_path / str(len(seconds["first"]))
        theirs = scoring.measure("theirs", size.scored, cache)
        first = scoring.measure("ours", size.scored, cache)
        again = scoring.measure("ours", size.scored, cache)
        for measured in (first, again):
            assert apart(measured["scores"], theirs["scores"]) <= _EQUAL, "the scores differ from pycocoevalcap's"
        assert {folder.name for folder in cache.iterdir()} == _KEPT, "not all is kept for the next process"
        taken = (first["seconds"][0], first["seconds"][-1], again["seconds"][0], theirs["seconds"][0])
        for kind, value in zip(kinds, taken, strict=True):
            seconds[kind].append(value)

    benchmark.pedantic(round_, rounds=size.few_rounds)
    rounds = Rounds(seconds)
    figures = {
        "score.first.over_pycocoevalcap": rounds.ratio("theirs", "first"),
        "score.next.over_pycocoevalcap": rounds.ratio("theirs", "next"),
        "score.again.over_pycocoevalcap": rounds.ratio("theirs", "again"),
        "score.first_s": Spread.of(seconds["first"]),
        "score.next_s": Spread.of(seconds["next"]),
    }
    add_figures(benchmark, figures)
