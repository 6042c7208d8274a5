"""How long the command takes to answer: whole processes."""

import subprocess

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.throughput.speed.pairs import Spread, tell, timed
from benchmarks.throughput.speed.sizes import Size


@pytest.mark.parametrize("word", ["list", "--help", "--version"])
def test_start(benchmark: BenchmarkFixture, size: Size, command: str, word: str) -> None:
    """Seconds of a whole process."""

    def start() -> None:
        subprocess.run([command, word], stdout=subprocess.DEVNULL, check=True)

    benchmark.pedantic(start, rounds=size.starts, warmup_rounds=1)
    tell(benchmark, {f"start.{word.lstrip('-')}_s": Spread.of(timed(benchmark))})
