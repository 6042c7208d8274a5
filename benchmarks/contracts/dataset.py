"""What every data set promises."""

import inspect
import os
from collections.abc import Sequence

from benchmarks.data import DATASETS, Dataset, Example, Prediction
from registry import Spec
from zoo.contracts.common import check, is_spelled
from zoo.vocabulary import tokenize

_TRIED = 3  # pictures of each split


def declares_what_it_is(spec: Spec) -> None:
    """Its name, test split and fingerprint, and whether images are synthetic, can be flipped and may be passed on."""
    dataset = DATASETS.build(spec)
    for field in ("name", "split", "fingerprint"):
        value = getattr(dataset, field)
        check(isinstance(value, str) and bool(value), f"{field} is {value!r}, and should be a text")
    for field in ("synthetic", "allows_hflip", "shareable"):
        value = getattr(dataset, field)
        check(isinstance(value, bool), f"{field} is {value!r}, and should be True or False")


def has_images_and_captions_in_every_split(spec: Spec) -> None:
    """Each split has an image, each image captions, and each test image one that has a word."""
    dataset = DATASETS.build(spec)
    for split, examples in _splits(dataset).items():
        check(len(examples) > 0, f"{split} is empty")
        for example in examples:
            check(
                type(example.image_id) is int, f"{split}: image {example.image_id!r} should have a whole number as id"
            )
            captions = example.captions
            check(
                isinstance(captions, tuple)
                and len(captions) > 0
                and all(isinstance(caption, str) for caption in captions),
                f"{split}: image {example.image_id} has captions {str(captions)[:60]}, not a tuple of texts",
            )
    for example in dataset.test:
        check(any(map(tokenize, example.captions)), f"test image {example.image_id} has no caption with a word")


def has_disjoint_splits(spec: Spec) -> None:
    """No image comes twice, in two splits or in one."""
    seen: dict[int, str] = {}
    for split, examples in _splits(DATASETS.build(spec)).items():
        for example in examples:
            earlier = seen.setdefault(example.image_id, split)
            check(earlier is split, f"image {example.image_id} is in {earlier} and in {split}")
        check(len({example.image_id for example in examples}) == len(examples), f"an image is in {split} twice")


def is_deterministic(spec: Spec) -> None:
    """A run that goes on finds the same images, captions, fingerprint and files."""
    one, other = DATASETS.build(spec), DATASETS.build(spec)
    check(one.fingerprint == other.fingerprint, "built again it has another fingerprint")
    check(one.files() == other.files(), "built again it has other files")
    for split, examples in _splits(one).items():
        check(list(examples) == list(_splits(other)[split]), f"built again it has other images or captions in {split}")


def loads_images(spec: Spec) -> None:
    """The first images of each split are pictures in RGB, the same when loaded again."""
    dataset = DATASETS.build(spec)
    for split, examples in _splits(dataset).items():
        for example in examples[:_TRIED]:
            picture = dataset.load(example)
            check(
                picture.mode == "RGB", f"{split}: image {example.image_id} is in {picture.mode}, and should be in RGB"
            )
            again = dataset.load(example)
            check(picture.tobytes() == again.tobytes(), f"{split}: image {example.image_id} is another one each time")


def diagnostics_lie_between_0_and_1(spec: Spec) -> None:
    """What it makes of captions, right ones and none, lies between 0 and 1 under the same names."""
    dataset = DATASETS.build(spec)
    right = dataset.diagnostics({example.image_id: _described(example.captions[0]) for example in dataset.test})
    silent = dataset.diagnostics({example.image_id: _described("") for example in dataset.test})
    for name, share in {**right, **silent}.items():
        check(isinstance(name, str) and 0 <= share <= 1, f"{name} is {share}, and should lie between 0 and 1")
    for name in right.keys() & silent.keys():
        check(right[name] >= silent[name], f"{name} is better for saying nothing than for a right caption")


def keeps_paths_out_of_its_name(spec: Spec) -> None:
    """What it calls `location` are options: records leave them out of the data set's spelling. No other is a place."""
    known, location = inspect.signature(DATASETS[spec.name]).parameters, DATASETS.build(spec).location
    for option in location:
        check(option in known, f"location names {option!r}, which is no option")
    values = {name: parameter.default for name, parameter in known.items()} | dict(spec.options)
    for option, value in values.items():
        there = isinstance(value, str) and os.sep in value and os.path.exists(value)  # noqa: PTH110  pathlib may raise
        check(option in location or not there, f"{option} is a place, {value!r}, and location does not name it")


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    is_spelled(DATASETS, spec)


def _splits(dataset: Dataset) -> dict[str, Sequence[Example]]:
    return {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}


def _described(caption: str) -> Prediction:
    words = tuple(tokenize(caption))
    return Prediction(" ".join(words), words)
