"""The stages, each run by pytest in a process of its own; what one of them loses, the others keep."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SUITE = Path(__file__).parent
_LOST = re.compile(r"^(?:FAILED|ERROR|SKIPPED) .*$", re.MULTILINE)
_REASON = re.compile(r"^E +(.*)$", re.MULTILINE)
_PATIENCE = 7200.0  # seconds, of which a stage should take a few hundred
_WIDE = "250"  # columns, so that pytest does not cut the reason


class StageResult(NamedTuple):
    """What a stage measured: figures by key, notes for the reader, and a line for each benchmark that gave nothing."""

    numbers: Mapping[str, float]
    notes: Sequence[str]
    problems: Sequence[str]


def threads() -> dict[str, int]:
    """Every stage in the order in which they run, and how many threads it gets."""
    cores = os.cpu_count() or 1
    alone = dict.fromkeys(("start", "train", "decode", "load", "score", "cache"), 1)
    return {**alone, "encode": cores, "matrix": cores, "growth": 1}


def run(stage: str, options: Sequence[str] = (), suite: Path = _SUITE, *, patience: float = _PATIENCE) -> StageResult:
    """Run the benchmarks of ``test_STAGE.py`` below `suite`, with pytest's `options`, for at most so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "benchmark.json"
        file, temporary = str(suite / f"test_{stage}.py"), f"{folder}/temporary"
        plugins = ["-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"]
        where = [file, "--rootdir", str(suite), "-c", os.devnull, "--basetemp", temporary]
        fixed = ["-q", "--tb=short", "-rfEs", "--benchmark-json", str(report), *plugins]
        command = [sys.executable, "-m", "pytest", *where, *fixed, *options]
        try:
            code, output, errors = _ended(command, _environment(stage), patience)
        except subprocess.TimeoutExpired:
            return StageResult({}, [], [f"{stage}: no end after {patience:.0f} s"])
        benchmarks = _benchmarks(report)
    problems = [f"{stage}: {_without_folders(line)}" for line in _lost(output)]
    if code and not problems:
        problems = [f"{stage}: pytest ended with {code}: {_without_folders((output + errors)[-300:])}"]
    numbers = {key: value for item in benchmarks for key, value in item.get("numbers", {}).items()}
    return StageResult(numbers, [note for item in benchmarks for note in item.get("notes", [])], problems)


def _ended(command: Sequence[str], environment: Mapping[str, str], patience: float) -> tuple[int, str, str]:
    """The exit code, output and errors of a program; where it has no end, all that it started ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=patience)
        except BaseException:  # an interrupt does not reach a session of its own
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output, errors


def _lost(output: str) -> list[str]:
    """A line for each benchmark that gave nothing; one that could not even be read lacks a reason there."""
    why = _REASON.search(output)
    return [
        f"{line} - {why[1]}" if why and line.startswith("ERROR") and " - " not in line else line
        for line in _LOST.findall(output)
    ]


def _benchmarks(report: Path) -> list[dict[str, dict[str, float]]]:
    try:
        return [item["extra_info"] for item in json.loads(report.read_text(encoding="utf-8"))["benchmarks"]]
    except (OSError, ValueError):  # none was finished
        return []


def _environment(stage: str) -> dict[str, str]:
    """This process's, with a fixed number of threads, and without the settings of a pytest around it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    count = str(threads().get(stage, 1))
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), count)
    return {**ours, **fixed, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": _WIDE}


def _without_folders(line: str) -> str:
    """One line, without folders of this machine."""
    return re.sub(r"(?<![\w.])(?:\.{0,2}/[\w.-]+)+/", "", " ".join(line.split()))
