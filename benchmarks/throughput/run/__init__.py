"""How fast a trained captioner is: a pytest-benchmark suite that the harness runs, and anybody can.

pytest -c /dev/null benchmarks/throughput/run --run runs/ID
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

_SUITE = Path(__file__).parent


class Measured(NamedTuple):
    """What the suite found, in the fields of a record.

    throughput: rates by their names ("beam_images_per_sec", ...), from the median round;
    timing: per rate what was timed, which is items per round, rounds, quickest and slowest;
    flops: per stage ("encode", "greedy", "beam", "train") operations for one item.
    """

    throughput: dict[str, float]
    timing: dict[str, Any]
    flops: dict[str, float]


_encoded: dict[str, Measured] = {}  # what this process found, by frozen backbone


def measure(run: Path, *, frozen: str | None = None) -> Measured:
    """Run the suite on the run in folder `run`.

    `frozen` tells apart the backbones that no run changes: how fast one of them encodes is
    measured once in a process, and taken over for further runs that have it.

    Raises:
        RuntimeError: a benchmark failed; the message ends with pytest's report.
    """
    known = _encoded.get(frozen) if frozen else None
    found = _suite(run, ["-k", "not test_encode"] if known else [])
    if known:
        return Measured(*({**before, **now} for before, now in zip(known, found, strict=True)))
    if frozen:
        _encoded[frozen] = Measured(
            *({name: value for name, value in part.items() if name.startswith("encode")} for part in found)
        )
    return found


def _suite(run: Path, only: Sequence[str]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        report, said = Path(folder) / "benchmark.json", StringIO()
        plugins = ["-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"]
        options = ["-q", "-c", "/dev/null", "--benchmark-json", str(report), *plugins]
        with redirect_stdout(said), redirect_stderr(said), _own_pytest():
            status = pytest.main([str(_SUITE), "--rootdir", str(_SUITE), "--run", str(run), *options, *only])
        if status:
            raise RuntimeError(f"the throughput suite failed: {said.getvalue()[-2000:]}")
        found = json.loads(report.read_text())["benchmarks"]
    told = [(item["extra_info"], item["stats"]) for item in found]
    return Measured(
        throughput={info["rate"]: info["items"] / stats["median"] for info, stats in told},
        timing={info["rate"]: _timing(info, stats) for info, stats in told},
        flops={info["rate"].partition("_")[0]: info["flops"] for info, _ in told},
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
