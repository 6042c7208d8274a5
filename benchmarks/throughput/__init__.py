"""How fast a trained captioner is: a pytest-benchmark suite that the harness runs, and anybody can.

pytest -c /dev/null benchmarks/throughput --run runs/ID
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

_SUITE = Path(__file__).parent


def measure(run: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Run the suite on the run in folder `run`.

    Returns:
        Rates in the words of the record ("beam_images_per_sec", ...), from the median
        round; and per rate, what was timed: items per round, rounds, quickest and slowest.

    Raises:
        RuntimeError: a benchmark failed; the message ends with pytest's report.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, said = Path(folder) / "benchmark.json", StringIO()
        plugins = ["-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"]
        options = ["-q", "-c", "/dev/null", "--benchmark-json", str(report), *plugins]
        with redirect_stdout(said), redirect_stderr(said), _own_pytest():
            status = pytest.main([str(_SUITE), "--rootdir", str(_SUITE), "--run", str(run), *options])
        if status:
            raise RuntimeError(f"the throughput suite failed: {said.getvalue()[-2000:]}")
        found = json.loads(report.read_text())["benchmarks"]
    return {key: value for item in found for key, value in _rates(item).items()}, {
        item["extra_info"]["rate"]: _timing(item) for item in found
    }


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


def _rates(item: Mapping[str, Any]) -> dict[str, float]:
    info = item["extra_info"]
    return {info["rate"]: info["items"] / item["stats"]["median"]}


def _timing(item: Mapping[str, Any]) -> dict[str, float]:
    stats, info = item["stats"], item["extra_info"]
    return {
        "items": info["items"],
        "rounds": stats["rounds"],
        "median_seconds": stats["median"],
        "min_seconds": stats["min"],
        "max_seconds": stats["max"],
    }
