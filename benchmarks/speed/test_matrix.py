"""What the harness adds to the work of its cells: one backbone, six attentions, by the real command."""

from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed import program
from benchmarks.speed.pairs import add_figures
from benchmarks.speed.sizes import Size

_ATTENTIONS = ("mean", "bahdanau(hidden_dim=128)", "luong", "cosine(hidden_dim=128)", "multihead", "aoa")


def test_matrix(benchmark: BenchmarkFixture, size: Size, command: str, tmp_path: Path) -> None:
    """What the command adds to its cells' work, as a share of it, and its encoding passes."""
    config = program.config(
        size.scenes,
        backbone="efficientnet_lite",
        attentions=_ATTENTIONS[: size.attentions],
        decoder="lstm(dim=128, dropout=0.1)",
        training={"epochs": size.epochs, "decay_epochs": size.epochs + 2, "captions_per_image": 2, "max_words": 20},
    )
    ran: program.Ran = benchmark.pedantic(program.run, args=(command, config, tmp_path), rounds=1)
    figures = {
        "matrix.overhead": ran.overhead(measuring=True),
        "matrix.overhead_less_measuring": ran.overhead(measuring=False),
        "matrix.encodings": ran.encodings,
        "matrix.cell_s": ran.working_seconds / len(ran.records),
        "matrix.encode_s": ran.encoding_seconds,
        "matrix.measure_s": ran.measuring_seconds,
        "matrix.wall_s": ran.seconds,
    }
    add_figures(benchmark, figures)
