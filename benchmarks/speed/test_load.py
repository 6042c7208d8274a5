"""From JPEG files to a backbone's pixels, on one core, beside Pillow alone."""

from typing import cast

from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.data.photos import Photo
from benchmarks.speed.pairs import add_figures, alternate, clocked
from benchmarks.speed.photographs import Photographs
from benchmarks.speed.sizes import Size
from zoo.backbones import Preprocess


def test_load(benchmark: BenchmarkFixture, size: Size, photographs: Photographs) -> None:
    """JPEG files to pixels per second on one core, against Pillow alone."""
    dataset, preprocess = photographs.dataset, Preprocess()
    height, width = preprocess.size

    def ours() -> None:
        for example in dataset.train:
            preprocess.to_tensor(dataset.load(example))

    def pillow() -> None:
        for example in dataset.train:
            with Image.open(cast(Photo, example).file) as image:
                image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)

    rounds = alternate(benchmark, ours, {"pillow": clocked(pillow)}, rounds=size.few_rounds)
    figures = {
        "load.images_per_sec": rounds.rate(len(dataset.train)),
        "load.over_pillow": rounds.ratio("pillow"),
    }
    add_figures(benchmark, figures, f"{photographs.description}, to {width} x {height}")
