"""How fast a trained captioner is: a pytest-benchmark suite that the harness runs, and anybody can.

pytest -c /dev/null benchmarks/throughput --run runs/ID
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.config import Training
from zoo.backbones import Backbone
from zoo.caption_model import CaptionModel

MODEL, ENCODERS = pytest.StashKey[CaptionModel](), pytest.StashKey[tuple[Backbone, ...]]()
TRAINING = pytest.StashKey[Training]()
_SUITE = Path(__file__).parent
# One keeps a folder; the other looks through all memory for errors of destructors, which takes longer than a round.
_WITHOUT = ("-p", "no:cacheprovider", "-p", "no:unraisableexception")


class Measurement(NamedTuple):
    """What the suite measured, in the fields of a record.

    throughput: rates by their names ("beam_images_per_sec", ...), from the median round;
    timing: per rate what was timed, which is items per round, rounds, quickest and slowest;
    flops: per stage ("encode", "greedy", "beam", "train") operations for one item.
    """

    throughput: dict[str, float]
    timing: dict[str, Any]
    flops: dict[str, float]


class _AtHand:
    """Hands the suite a model and what encodes for it, so that it reads and builds none."""

    def __init__(self, model: CaptionModel, encoders: tuple[Backbone, ...], training: Training | None) -> None:
        self.model, self.encoders, self.training = model, encoders, training

    def pytest_configure(self, config: pytest.Config) -> None:
        """Put them where conftest.py looks for them."""
        config.stash[MODEL], config.stash[ENCODERS] = self.model, self.encoders
        if self.training:
            config.stash[TRAINING] = self.training


def measure(
    run: Path,
    model: CaptionModel,
    encoders: tuple[Backbone, ...],
    *,
    training: Training | None = None,
    frozen: str | None = None,
    encoder_timings: dict[str, Measurement] | None = None,
) -> Measurement:
    """Run the suite on the run in folder `run`, whose `model`, if it learns, does so for a few steps from noise.

    `encoders` are its backbones, or what encodes the same faster. `training` is how it was trained, with paths that its
    request does not have.
    `frozen` names the backbone where no run changes it: its encoding speed is taken from
    `encoder_timings`, or else timed and put there for further runs that have it.

    Raises:
        RuntimeError: a benchmark failed; the message ends with pytest's report.
    """
    timings = {} if encoder_timings is None else encoder_timings
    earlier = timings.get(frozen) if frozen else None
    measured = _suite(run, _AtHand(model, encoders, training), ["-k", "not test_encode"] if earlier else [])
    if earlier:
        return Measurement(*({**before, **now} for before, now in zip(earlier, measured, strict=True)))
    if frozen:
        timings[frozen] = Measurement(
            *({name: value for name, value in part.items() if name.startswith("encode")} for part in measured)
        )
    return measured


def _suite(run: Path, at_hand: _AtHand, only: Sequence[str]) -> Measurement:
    with tempfile.TemporaryDirectory() as folder:
        report, output = Path(folder) / "benchmark.json", StringIO()
        plugins = [*_WITHOUT, "-p", "pytest_benchmark.plugin"]
        options = ["-q", "-c", "/dev/null", "--benchmark-json", str(report), *plugins]
        with redirect_stdout(output), redirect_stderr(output), _own_pytest():
            words = [str(_SUITE), "--rootdir", str(_SUITE), "--run", str(run), *options, *only]
            status = pytest.main(words, plugins=[at_hand])
        if status:
            raise RuntimeError(f"the throughput suite failed: {output.getvalue()[-2000:]}")
        measured = json.loads(report.read_text())["benchmarks"]
    results = [(item["extra_info"], item["stats"]) for item in measured]
    return Measurement(
        throughput={info["rate"]: info["items"] / stats["median"] for info, stats in results},
        timing={info["rate"]: _timing(info, stats) for info, stats in results},
        flops={info["rate"].partition("_")[0]: info["flops"] for info, _ in results},
    )


@contextmanager
def _own_pytest() -> Iterator[None]:
    """Without the settings of a pytest that may be running this very process, or that the user prefers."""
    theirs = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(theirs)


def _timing(info: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, float]:
    return {
        "items": info["items"],
        "rounds": stats["rounds"],
        "median_seconds": stats["median"],
        "min_seconds": stats["min"],
        "max_seconds": stats["max"],
    }
