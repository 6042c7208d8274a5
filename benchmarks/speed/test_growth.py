"""Time and memory against images, beams and cells; each point is a process of its own."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed import point, program
from benchmarks.speed.figures import BEAMS, CELLS, TIMES
from benchmarks.speed.pairs import add_figures
from benchmarks.speed.sizes import Size


@pytest.mark.parametrize("times", TIMES)
def test_images(benchmark: BenchmarkFixture, size: Size, times: int) -> None:
    """Seconds and peak memory of each stage, by the number of images."""
    measured = benchmark.pedantic(point.measure, args=("images", times * size.grown, size), rounds=1)
    add_figures(benchmark, {f"growth.images.{times}.{name}": value for name, value in measured.items()})


@pytest.mark.parametrize("beams", BEAMS)
def test_beams(benchmark: BenchmarkFixture, size: Size, beams: int) -> None:
    """Seconds and peak memory of a search, by its beams."""
    measured = benchmark.pedantic(point.measure, args=("beams", beams, size), rounds=1)
    add_figures(benchmark, {f"growth.beams.{beams}.{name}": value for name, value in measured.items()})


@pytest.mark.parametrize("cells", CELLS)
def test_cells(benchmark: BenchmarkFixture, size: Size, command: str, tmp_path: Path, cells: int) -> None:
    """Seconds and peak memory of the command, by its cells."""
    config = program.config(
        size.cell_scenes,
        backbone="patches(trainable=False)",
        attentions=["bahdanau(hidden_dim=64)"],
        decoder="lstm(dim=64)",
        training={"epochs": 1, "max_words": 20, "min_count": 1},
        seeds=cells,
    )
    ran: program.Ran = benchmark.pedantic(program.run, args=(command, config, tmp_path), rounds=1)
    add_figures(benchmark, {f"growth.cells.{cells}.seconds": ran.seconds, f"growth.cells.{cells}.peak_gb": ran.peak_gb})
