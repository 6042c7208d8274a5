"""The samples as HTML: picture, caption, references, and the attention map of each word."""

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from benchmarks.leaderboard.html.overlay import veil
from benchmarks.leaderboard.html.templates import render
from benchmarks.leaderboard.tables.formatting import hundred
from benchmarks.leaderboard.tables.samples import Shown

_PLAIN = 8  # side of the ground that a map lies on where there is no picture
_TITLES = {"best": "Best by CIDEr", "median": "In the middle", "worst": "Worst by CIDEr"}
NOT_WHY = (
    "Above each word: its attention map; the less weight a place had, the thicker the veil over it. "
    "Attention weights are not an explanation: a model may attend to a place and choose the word for another reason."
)
NON_VISUAL = "The bar under a word is the weight that fell on no place of the image."


def samples(found: Sequence[Shown]) -> Markup:
    """A section, or nothing where the record has no samples."""
    if not found:
        return Markup()
    notes = [NOT_WHY] if any(one.maps for one in found) else []
    notes += [NON_VISUAL] if any(one.non_visual for one in found) else []
    if not all(one.picture for one in found):
        notes.append("Pictures and references of this data set are not passed on with the record.")
    numbered = list(enumerate(found, start=1))
    groups = [
        (_TITLES[pick], [sample(one, f"s{place}") for place, one in group])
        for pick, group in groupby(numbered, key=lambda item: item[1].pick)
    ]
    return render("samples.html", notes=notes, groups=groups)


def sample(one: Shown, name: str) -> Markup:
    """One of them; the ids in it start with `name`."""
    width, height = (one.picture.width, one.picture.height) if one.picture else (_PLAIN, _PLAIN)
    return render(
        "sample.html",
        id=name,
        image=one.image,
        url=one.picture.url if one.picture else "",
        width=width,
        height=height,
        caption=" ".join(one.words),
        score="" if one.score is None else hundred(one.score),
        link=one.link,
        place=one.place,
        references=one.references,
        tiles=_tiles(one),
    )


def _tiles(one: Shown) -> list[tuple[str, Markup, str]]:
    """Each word with its map, and with the weight in per cent that fell on no place of the image."""
    if not one.maps:
        return []
    shares = [f"{100 * share:.0f}" for share in one.non_visual] or [""] * len(one.maps)
    return [(word, Markup(veil(map_)), share) for word, map_, share in zip(one.words, one.maps, shares, strict=True)]
