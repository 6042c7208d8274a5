"""Search: greedy and with beams, small and large features, beside bfloat16 and transformers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.runtime.operations import operations
from benchmarks.speed import baselines, models
from benchmarks.speed.pairs import add_figures, alternate, clocked
from benchmarks.speed.sizes import Size
from benchmarks.speed.yardsticks import gemm, share
from benchmarks.throughput.no_eos import NoEosDecoder
from zoo.captioner import Captioner
from zoo.generate import generate
from zoo.types import Features


def test_greedy(benchmark: BenchmarkFixture, size: Size) -> None:
    """One beam."""
    _beside_products(benchmark, size, size.features, "greedy.fp32", num_beams=1)


def test_beam(benchmark: BenchmarkFixture, size: Size) -> None:
    """Five beams."""
    _beside_products(benchmark, size, size.features, "beam5.fp32")


def test_large_features(benchmark: BenchmarkFixture, size: Size) -> None:
    """Five beams on large features."""
    _beside_products(benchmark, size, size.large_features, "beam5.196x2048")


def test_bfloat16(benchmark: BenchmarkFixture, size: Size) -> None:
    """Five beams in bfloat16, against float32."""
    captioner, features = models.recurrent(size, size.features[1]), models.seen(size, size.features)
    half = _search(captioner, features, size, precision="bfloat16")
    rounds = alternate(
        benchmark, half, {"float32": clocked(_search(captioner, features, size))}, rounds=size.few_rounds
    )
    figures = {
        "beam5.bf16.over_fp32": rounds.ratio("float32"),
        "beam5.bf16.images_per_sec": rounds.rate(size.images),
    }
    add_figures(benchmark, figures)


def test_transformer(benchmark: BenchmarkFixture, size: Size) -> None:
    """Five beams of the Transformer, against transformers' `generate` in as many steps."""
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'caption-zoo[speed]'")
    features = models.seen(size, (size.features[0], size.dim))
    rival = baselines.vision_encoder_decoder(size)
    assert baselines.steps(rival, features.tokens, size) == [(size.images * size.beams, 1)] * size.steps
    others = {"hf": clocked(lambda: baselines.search(rival, features.tokens, size))}
    work = _search(models.transformer(size, size.dim), features, size)
    rounds = alternate(benchmark, work, others, rounds=size.few_rounds + 2)
    figures = {
        "beam5.transformer.over_hf": rounds.ratio("hf"),
        "beam5.transformer.images_per_sec": rounds.rate(size.images),
        "beam5.hf.images_per_sec": rounds.rate(size.images, "hf"),
    }
    add_figures(benchmark, figures)


def _beside_products(benchmark: BenchmarkFixture, size: Size, seen: tuple[int, int], name: str, **changes: int) -> None:
    """Images per second in float32, and the share of the machine's matrix-product rate."""
    work = _search(models.recurrent(size, seen[1]), models.seen(size, seen), size, **changes)
    counted = operations(work)
    rounds = alternate(benchmark, work, {"gemm": gemm(torch.float32, size.product)}, rounds=size.rounds)
    figures = {
        f"{name}.images_per_sec": rounds.rate(size.images),
        f"{name}.gemm_share": share(rounds, counted, "gemm", size.product),
    }
    add_figures(benchmark, figures)


def _search(captioner: Captioner, features: Features, size: Size, **changes: Any) -> Callable[[], object]:
    """Captions of full length for a batch; the last step is that of END."""
    decoder = NoEosDecoder(captioner.decoder)
    settings = {"num_beams": size.beams, "max_length": size.steps - 1, **changes}
    return lambda: generate(decoder, features, **settings)
