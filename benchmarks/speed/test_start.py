"""How long the command takes to answer: whole processes."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed.pairs import Spread, add_figures, timed
from benchmarks.speed.photographs import drawn
from benchmarks.speed.sizes import Size


@pytest.mark.parametrize("word", ["list", "--help", "--version"])
def test_start(benchmark: BenchmarkFixture, size: Size, command: str, word: str) -> None:
    """Seconds of a whole process."""
    add_figures(benchmark, {f"start.{word.lstrip('-')}_s": _start(benchmark, size, [command, word])})


def test_caption(benchmark: BenchmarkFixture, size: Size, command: str, tmp_path: Path) -> None:
    """Seconds until a photograph has its caption, of the model that comes with caption-zoo."""
    photograph = tmp_path / "photo.jpg"
    photograph.write_bytes(next(drawn()))
    add_figures(benchmark, {"start.caption_s": _start(benchmark, size, [command, "caption", str(photograph)])})


def test_python(benchmark: BenchmarkFixture, size: Size, command: str) -> None:
    """Seconds of the Python beside the command, when it has nothing to do."""
    python = Path(command).resolve().with_name("python")
    add_figures(benchmark, {"start.python_s": _start(benchmark, size, [str(python), "-c", "pass"])})


def _start(benchmark: BenchmarkFixture, size: Size, words: Sequence[str]) -> Spread:
    def start() -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)

    benchmark.pedantic(start, rounds=size.starts, warmup_rounds=1)
    return Spread.of(timed(benchmark))
