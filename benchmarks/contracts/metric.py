"""What every metric promises."""

import math

from benchmarks.metrics import METRICS, MetricScore, PreparedMetric
from registry import Spec
from zoo.contracts.common import check, is_spelled

# Tokenized, as the scorer hands them over. Long enough for runs of four words, and no two images alike.
_REFERENCES = (
    ("a brown dog runs along the beach", "a dog is running on wet sand by the sea"),
    ("two people sit on a wooden bench in a park", "a man and a woman rest on a bench", "people on a park bench"),
    ("a red bus drives down a busy city street", "a double decker bus in traffic"),
    ("a plate of pasta with tomatoes and basil", "some spaghetti on a white plate with fresh leaves"),
)
_RIGHT = tuple(candidates[0] for candidates in _REFERENCES)
_OTHERS = (*_RIGHT[1:], _RIGHT[0])  # each caption with the next image


def declares_what_it_is(spec: Spec) -> None:
    """Columns with names of their own, and a signature without the bar that parts signatures."""
    metric = METRICS.build(spec)
    columns, signature = metric.columns, metric.signature
    check(isinstance(columns, tuple) and len(columns) > 0, f"columns are {columns!r}, and should be a tuple of names")
    check(all(isinstance(name, str) and name for name in columns), f"columns are {columns!r}, and should be names")
    check(len(set(columns)) == len(columns), f"a column comes twice in {columns}")
    check(isinstance(signature, str) and bool(signature), f"signature is {signature!r}, and should be a text")
    check("|" not in signature, f"signature {signature!r} has a bar, which parts one signature from the next")


def scores_every_image_in_every_column(spec: Spec) -> None:
    """A number for each column over all images, and one for each image."""
    for name, score in _scores(spec, _RIGHT).items():
        _numbers(name, score, len(_RIGHT))


def ranks_the_right_captions_first(spec: Spec) -> None:
    """An image's own captions are worth more than those of others, for all images and on the mean of each."""
    right, others = _scores(spec, _RIGHT), _scores(spec, _OTHERS)
    for name in right:
        check(right[name].corpus > others[name].corpus, f"{name} is no higher for right captions than for wrong ones")
        mean, less = sum(right[name].per_image), sum(others[name].per_image)
        check(mean > less, f"{name} of each image is no higher for right captions than for wrong ones")


def does_not_depend_on_the_order(spec: Spec) -> None:
    """Images and references in another order have the same scores."""
    candidates = (_RIGHT[0], _OTHERS[1], _RIGHT[2], _OTHERS[3])
    for name, score in _scores(spec, candidates).items():
        turned = METRICS.build(spec).score(candidates[::-1], [references[::-1] for references in _REFERENCES[::-1]])[
            name
        ]
        check(_near(turned.corpus, score.corpus), f"{name} changes with the order of images or references")
        pairs = zip(turned.per_image, list(score.per_image)[::-1], strict=True)
        check(all(_near(*pair) for pair in pairs), f"{name} of an image changes with the order")


def accepts_empty_captions(spec: Spec) -> None:
    """Silence has a score, no higher than a right caption's; a reference may be empty too."""
    silent, right = _scores(spec, ("", *_RIGHT[1:])), _scores(spec, _RIGHT)
    for name, score in silent.items():
        _numbers(name, score, len(_RIGHT))
        check(score.per_image[0] <= right[name].per_image[0], f"{name} is higher for silence than for a right caption")
    blank = METRICS.build(spec).score(("", *_RIGHT[1:]), [("",), ("", *_REFERENCES[1]), *_REFERENCES[2:]])
    for name, score in blank.items():
        _numbers(name, score, len(_RIGHT))


def accepts_a_single_image(spec: Spec) -> None:
    """One image alone has a score, be it 0."""
    for name, score in METRICS.build(spec).score(_RIGHT[:1], _REFERENCES[:1]).items():
        _numbers(name, score, 1)


def gives_the_same_score_twice(spec: Spec) -> None:
    """Asked again, and built again, it gives the same; what it was given it leaves alone."""
    metric = METRICS.build(spec)
    candidates, references = list(_OTHERS), [list(each) for each in _REFERENCES]
    first = metric.score(candidates, references)
    check(
        candidates == list(_OTHERS) and references == [list(each) for each in _REFERENCES],
        "it changes what it is given",
    )
    for again in (metric.score(candidates, references), _scores(spec, _OTHERS)):
        for name, score in first.items():
            check(score.corpus == again[name].corpus, f"{name} is another one each time")
            check(list(score.per_image) == list(again[name].per_image), f"{name} of an image is another one each time")


def leaves_prepared_references_unchanged(spec: Spec) -> None:
    """References prepared once serve any captions after any others; each set of references has its own weights."""
    metric = METRICS.build(spec)
    if not isinstance(metric, PreparedMetric):
        return
    turned = _REFERENCES[::-1]
    prepared, other = metric.prepare_references(_REFERENCES), metric.prepare_references(turned)
    for candidates, references, weights in (
        (_OTHERS, _REFERENCES, prepared),
        (_OTHERS, turned, other),
        (_RIGHT, _REFERENCES, prepared),
    ):
        fresh, found = METRICS.build(spec).score(candidates, references), metric.compare(candidates, weights)
        for name, score in fresh.items():
            check(found[name].corpus == score.corpus, f"{name} depends on what was compared or prepared before")
            check(
                list(found[name].per_image) == list(score.per_image), f"{name} of an image depends on what was before"
            )


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    is_spelled(METRICS, spec)


def _scores(spec: Spec, candidates: tuple[str, ...]) -> dict[str, MetricScore]:
    metric = METRICS.build(spec)
    scores = metric.score(candidates, _REFERENCES)
    check(
        scores.keys() == set(metric.columns), f"it declares {', '.join(metric.columns)} and gives {', '.join(scores)}"
    )
    return scores


def _numbers(name: str, score: MetricScore, images: int) -> None:
    check(len(score.per_image) == images, f"{name} has {len(score.per_image)} numbers for {images} images")
    check(all(map(math.isfinite, (score.corpus, *score.per_image))), f"{name} is not a finite number")


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
