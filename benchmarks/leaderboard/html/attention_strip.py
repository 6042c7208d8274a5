"""The samples as HTML: picture, caption, references, and word by word where the model looked."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from benchmarks.leaderboard.html.overlay import veil
from benchmarks.leaderboard.tables.formatting import breakable, html, hundred
from benchmarks.leaderboard.tables.samples import Shown

_PLAIN = 8  # side of the ground that a map lies on where there is no picture
_TITLES = {"best": "Best by CIDEr", "median": "In the middle", "worst": "Worst by CIDEr"}
NOT_WHY = (
    "Above each word: where the model looked when it chose it; the veil is the thicker the less weight a place had. "
    "Weights are not an explanation: a model may look at a place and say something for another reason."
)
NON_VISUAL = "The bar under a word is the weight that fell on no place of the image."


def samples(found: Sequence[Shown]) -> str:
    """A section, or nothing where the record has no samples."""
    if not found:
        return ""
    notes = [NOT_WHY] if any(one.maps for one in found) else []
    notes += [NON_VISUAL] if any(one.non_visual for one in found) else []
    if not all(one.picture for one in found):
        notes.append("Pictures and references of this data set are not passed on with the record.")
    numbered = list(enumerate(found, start=1))
    groups = "".join(
        f'<h3>{_TITLES[pick]}</h3><div class="pair">{"".join(sample(one, f"s{place}") for place, one in group)}</div>'
        for pick, group in groupby(numbered, key=lambda item: item[1].pick)
    )
    note = f'<p class="note">{" ".join(notes)}</p>' if notes else ""
    return f'<section id="samples"><h2>What it says</h2>{note}{groups}</section>'


def sample(one: Shown, name: str) -> str:
    """One of them; the ids in it start with `name`."""
    score = "" if one.score is None else f"<b>{hundred(one.score)}</b> CIDEr · "
    references = "".join(f"<li><bdi>{html(text)}</bdi></li>" for text in one.references)
    told = f'<ul class="references" aria-label="References">{references}</ul>' if references else ""
    return (
        f'<article class="sample">{_view(one, name)}<div class="told"><h4><bdi>{html(" ".join(one.words))}</bdi></h4>'
        f'<p class="facts">{score}{_where(one)}</p>{told}</div>{_strip(one, name)}</article>'
    )


def _where(one: Shown) -> str:
    if one.link:
        return f'<a href="{html(one.link)}" rel="noreferrer">image {html(one.image)}</a>'
    return f"image {html(one.image)}" + (f", <bdi>{breakable(one.place)}</bdi>" if one.place else "")


def _size(one: Shown) -> tuple[int, int]:
    return (one.picture.width, one.picture.height) if one.picture else (_PLAIN, _PLAIN)


def _view(one: Shown, name: str) -> str:
    """The picture large, with a place for a veil; without a picture a ground for the veil alone, for scripts."""
    if not one.picture and not one.maps:
        return ""
    width, height = _size(one)
    look = "<use/>" if one.maps else ""
    if not one.picture:
        ground = f'<rect class="ground" width="{width}" height="{height}"/>'
        return f'<svg class="view js" viewBox="0 0 {width} {height}" aria-hidden="true">{ground}{look}</svg>'
    picture = f'<image id="{name}" width="{width}" height="{height}" href="{one.picture.url}"/>'
    return (
        f'<svg class="view" viewBox="0 0 {width} {height}" role="img" aria-label="Image {html(one.image)}">'
        f"{picture}{look}</svg>"
    )


def _strip(one: Shown, name: str) -> str:
    return f'<ol class="words">{"".join(_tiles(one, name))}</ol>' if one.maps else ""


def _tiles(one: Shown, name: str) -> Iterable[str]:
    width, height = _size(one)
    ground = f'<use href="#{name}"/>' if one.picture else f'<rect class="ground" width="{width}" height="{height}"/>'
    for place, (word, shares) in enumerate(zip(one.words, one.maps, strict=True)):
        over = (
            f'<image id="{name}w{place}" width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="{veil(shares)}"/>'
        )
        yield (
            f'<li><button disabled><svg viewBox="0 0 {width} {height}" aria-hidden="true">{ground}{over}'
            f"</svg><bdi>{html(word)}</bdi>{_non_visual(one, place)}</button></li>"
        )


def _non_visual(one: Shown, place: int) -> str:
    if not one.non_visual:
        return ""
    share = one.non_visual[place]
    drawn = f'<svg viewBox="0 0 100 6" aria-hidden="true"><path d="M0 3H{100 * share:.0f}"/></svg>'
    return f'<span class="share">{drawn}{100 * share:.0f} %</span>'
