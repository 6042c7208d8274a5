"""From JPEG files to a cache of features, beside timm's bare forward over the same pixels."""

import os
import shutil
from math import inf
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.features.cache import FeatureCache
from benchmarks.features.runtime import GRAPHS, fast_encoder
from benchmarks.speed import baselines
from benchmarks.speed.pairs import add_figures, alternate, clocked
from benchmarks.speed.photographs import Photographs
from benchmarks.speed.sizes import Size
from zoo.registries import BACKBONES

_LARGE = 64  # images from which on a graph is read
_BACKBONES = (
    ("encode", "efficientnet_lite", "tf_efficientnet_lite0"),
    ("encode.resnet50", "timm/resnet50(pretrained=False)", "resnet50"),
    ("encode.vit", "timm/vit_small_patch16_224(pretrained=False)", "vit_small_patch16_224"),
)


@pytest.mark.parametrize(("key", "ours", "theirs"), _BACKBONES)
def test_encode(
    benchmark: BenchmarkFixture, size: Size, photographs: Photographs, tmp_path: Path, key: str, ours: str, theirs: str
) -> None:
    """JPEG files to stored features, against timm's bare `forward_features`; what runs the backbone is there before."""
    dataset, threads = photographs.dataset, torch.get_num_threads()
    backbone = BACKBONES.build(ours).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    examples = [*dataset.test, *dataset.validation, *dataset.train]
    prepared = torch.stack([backbone.preprocess.to_tensor(dataset.load(example)) for example in examples])
    bare = clocked(baselines.bare_forward(theirs, backbone.preprocess.normalize(prepared)))
    if len(examples) >= _LARGE:
        fast_encoder(backbone, tmp_path / GRAPHS, named=ours, images=inf)

    def encode() -> None:
        shutil.rmtree(tmp_path / "images", ignore_errors=True)
        FeatureCache(tmp_path, torch.device("cpu")).store(dataset, backbone, named=ours, hflip=False)

    rounds = alternate(benchmark, encode, {"timm": bare}, rounds=size.few_rounds)
    figures = {f"{key}.over_timm": rounds.ratio("timm"), f"{key}.images_per_sec": rounds.rate(len(examples))}
    add_figures(benchmark, figures, f"{ours}: {photographs.description}, {threads} threads on {os.cpu_count()} cores")
