"""Reading features back, beside memory alone; and an epoch over a cache that is larger than it may hold."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed import point
from benchmarks.speed.learning import stored
from benchmarks.speed.pairs import add_figures, alternate, clocked
from benchmarks.speed.sizes import Size
from benchmarks.speed.stills import PATCH, SIDE, Stills

_BATCH = 64
_ROW = 49 * 512 * 2  # bytes


def test_reading(benchmark: BenchmarkFixture, size: Size, tmp_path: Path) -> None:
    """Rows and bytes per second at random, beside copying from an array."""
    dataset = Stills(size.warm_cache)
    backbone = f"patches(dim=512, patch={PATCH}, image_size={SIDE}, trainable=False)"
    _, store = stored(dataset, tmp_path, backbone, "mean", "lstm(dim=32)")
    order = np.random.default_rng(0).permutation(size.warm_cache)
    batches = [order[start : start + _BATCH].tolist() for start in range(0, len(order), _BATCH)]
    memory = torch.cat([store.batch(batch) for batch in batches]).numpy()

    def read() -> None:
        for batch in batches:
            store.batch(batch)

    def copy() -> None:
        for batch in batches:
            memory.take(batch, axis=0)

    rounds = alternate(benchmark, read, {"memory": clocked(copy)}, rounds=size.rounds)
    figures = {
        "cache.rows_per_sec": rounds.rate(size.warm_cache),
        "cache.gb_per_sec": rounds.rate(size.warm_cache * _ROW / 1e9),
        "cache.over_memory": rounds.ratio("memory"),
    }
    add_figures(benchmark, figures)


def test_peak(benchmark: BenchmarkFixture, size: Size) -> None:
    """Peak memory, in 10^9 bytes, of an epoch over the large cache, in a process of its own."""
    needed, free = 1.2 * size.cached * _ROW, shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        pytest.skip(
            f"the temporary folder has {free / 1e9:.0f} GB free, and {needed / 1e9:.0f} GB are needed: set TMPDIR"
        )
    measured = benchmark.pedantic(point.measure, args=("cache", size.cached, size), rounds=1)
    figures = {
        "cache.peak_gb": measured["peak_gb"],
        "cache.size_gb": size.cached * _ROW / 1e9,
        "cache.write_s": measured["write_s"],
        "cache.epoch_s": measured["epoch_s"],
    }
    add_figures(benchmark, figures)
