"""A training step: its share of the machine's rate in matrix products, beside bfloat16 and transformers."""

import shutil
from dataclasses import replace

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.config import Training
from benchmarks.runtime.operations import operations
from benchmarks.speed import baselines, models
from benchmarks.speed.pairs import Spread, add_figures, alternate, clocked
from benchmarks.speed.sizes import Size
from benchmarks.speed.yardsticks import gemm, product_operations, share
from zoo.compiling import compile_steps

_PLAIN = Training(captions_per_image=5, max_grad_norm=1.0, label_smoothing=0.1)
_BUCKETED = 8  # batches


def test_float32(benchmark: BenchmarkFixture, size: Size) -> None:
    """Captions per second, and the share of the machine's matrix-product rate."""
    work = models.learner(models.recurrent(size, size.features[1]), size, _PLAIN)
    counted = operations(work)
    rounds = alternate(benchmark, work, {"gemm": gemm(torch.float32, size.product)}, rounds=size.rounds)
    figures: dict[str, Spread | float] = {
        "train.fp32.gemm_share": share(rounds, counted, "gemm", size.product),
        "train.fp32.captions_per_sec": rounds.rate(size.images * size.captions),
        "machine.fp32.gflops": rounds.rate(product_operations(size.product) / 1e9, "gemm"),
        "train.fp32.gflop_per_step": counted / 1e9,
    }
    add_figures(benchmark, figures)


def test_bfloat16(benchmark: BenchmarkFixture, size: Size) -> None:
    """A step in bfloat16, against float32, and its share of the machine's matrix-product rate."""
    half = models.learner(models.recurrent(size, size.features[1]), size, replace(_PLAIN, precision="bfloat16"))
    full = models.learner(models.recurrent(size, size.features[1]), size, _PLAIN)
    counted = operations(half)
    others = {"float32": clocked(full), "gemm": gemm(torch.bfloat16, size.product // 2)}
    rounds = alternate(benchmark, half, others, rounds=size.few_rounds)
    figures = {
        "train.bf16.over_fp32": rounds.ratio("float32"),
        "train.bf16.captions_per_sec": rounds.rate(size.images * size.captions),
        "train.bf16.gemm_share": share(rounds, counted, "gemm", size.product // 2),
        "machine.bf16.gflops": rounds.rate(product_operations(size.product // 2) / 1e9, "gemm"),
    }
    add_figures(benchmark, figures)


def test_transformer(benchmark: BenchmarkFixture, size: Size) -> None:
    """A step of the Transformer, against transformers."""
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'caption-zoo[speed]'")
    work = models.learner(models.transformer(size, size.dim), size, _PLAIN)
    features = models.seen(size, (size.features[0], size.dim)).tokens
    rival = baselines.learner(baselines.vision_encoder_decoder(size), features, models.captions(size))
    rounds = alternate(benchmark, work, {"hf": clocked(rival)}, rounds=size.few_rounds)
    items = size.images * size.captions
    add_figures(
        benchmark,
        {
            "train.transformer.over_hf": rounds.ratio("hf"),
            "train.transformer.captions_per_sec": rounds.rate(items),
        },
    )


def test_compiled(benchmark: BenchmarkFixture, size: Size) -> None:
    """A compiled step, against the same one eager."""
    if not shutil.which("c++"):
        pytest.skip("torch.compile needs a C++ compiler")
    plain, compiled = (models.recurrent(size, size.features[1]) for _ in range(2))
    compile_steps(compiled.decoder)
    work = models.learner(compiled, size, _PLAIN)
    first = clocked(work)()
    others = {"eager": clocked(models.learner(plain, size, _PLAIN))}
    rounds = alternate(benchmark, work, others, rounds=size.few_rounds)
    add_figures(benchmark, {"train.compile.over_eager": rounds.ratio("eager"), "train.compile.first_s": first})


def test_buckets(benchmark: BenchmarkFixture, size: Size) -> None:
    """An epoch of captions of as many lengths as people write, in buckets and as drawn."""
    captioner = models.recurrent(size, size.features[1])
    settings = replace(_PLAIN, batch_size=size.images)
    drawn, bucketed = (
        models.epoch(captioner, size, replace(settings, bucket_batches=count), _BUCKETED) for count in (1, _BUCKETED)
    )
    rounds = alternate(benchmark, bucketed, {"drawn": clocked(drawn)}, rounds=size.few_rounds)
    add_figures(benchmark, {"train.buckets.over_drawn": rounds.ratio("drawn")})
