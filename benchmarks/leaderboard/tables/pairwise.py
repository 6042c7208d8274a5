"""The paired significance test of two entries, and the images where they differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.leaderboard.tables.bootstrap import PLANNED
from benchmarks.leaderboard.tables.formatting import number
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table

# {better} and {other} stand for names, {entries} for how many there are.
VERDICTS = {
    "clear": "{better} is better, also for somebody who looked at all pairs of {entries} entries.",
    "planned": "{better} looks better, but only if this was the one comparison you planned. "
    "Picked from {entries} entries, it is a tie.",
    "tie": "No clear difference. That does not make {better} and {other} equal.",
    "unknown": "Whether the difference is real is not known: scores per image are missing.",
}


@dataclass(frozen=True)
class Versus:
    """A against B.

    gap: mean CIDEr of A less that of B, raw; error: its standard error, None if not known;
    verdict: a key of `VERDICTS`; wins: the share of images on which A has the higher
    score, ties counted half.
    """

    gap: float
    error: float | None
    verdict: str
    wins: float | None


def versus(table: Table, one: Row, other: Row) -> Versus:
    """Compare two rows of a table; both have a CIDEr."""
    gap = (one.mean("scores", "CIDEr") or 0.0) - (other.mean("scores", "CIDEr") or 0.0)
    places = table.index[one], table.index[other]
    error = table.ranking.error(*places)
    return Versus(gap, error, verdict(gap, error, table.ranking.threshold), table.ranking.wins(*places))


def percent(table: Table, one: Row, other: Row) -> int | None:
    """On how many of 100 images A has the higher score; rounded so that it and what is B's are 100 together."""
    upper, lower = sorted((table.index[one], table.index[other]))
    wins = table.ranking.wins(lower, upper)
    if wins is None:
        return None
    return round(100 * wins) if table.index[one] == lower else 100 - round(100 * wins)


def verdict(gap: float, error: float | None, threshold: float) -> str:
    """Which of the three verdicts a gap deserves; "unknown" without a standard error."""
    if error is None:
        return "unknown"
    if abs(gap) > threshold * error:
        return "clear"
    return "planned" if abs(gap) > PLANNED * error else "tie"


@dataclass(frozen=True)
class ImageComparison:
    """An image, and what its captions by two or more entries scored: one run of each."""

    image: str
    captions: tuple[str, ...]
    scores: tuple[float, ...]


def compare_images(rows: Sequence[Row]) -> list[ImageComparison]:
    """Every image that the first run of each row captioned and scored; none where a record holds no captions."""
    runs = [row.runs[0] for row in rows]
    images = set.intersection(*(set(run.captions) & set(run.per_image.get("CIDEr", {})) for run in runs))
    found = []
    for image in sorted(images, key=lambda image: (len(image), image)):
        scores = [number(run.per_image["CIDEr"][image]) for run in runs]
        captions = tuple(str(run.captions[image]) for run in runs)
        if None not in scores:
            found.append(ImageComparison(image, captions, tuple(score or 0.0 for score in scores)))
    return found


def most_different(one: Row, other: Row, count: int) -> list[ImageComparison]:
    """The images on which A is better by most, then those on which B is: at most `count` of each."""
    images = compare_images([one, other])
    ordered = sorted(images, key=lambda each: (each.scores[1] - each.scores[0], each.image))
    ahead = [each for each in ordered[:count] if each.scores[0] > each.scores[1]]
    behind = [each for each in ordered[::-1][:count] if each.scores[0] < each.scores[1]]
    return ahead + behind
