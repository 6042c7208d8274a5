"""The command as people call it: a process, its seconds, its memory and its records."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_WRAPPER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, timeout=float(sys.argv[1])).returncode
seconds = time.perf_counter() - started
print(json.dumps([code, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9]))
"""
_PATIENCE = 3600.0  # seconds


class Ran(NamedTuple):
    """A matrix that was run: `peak_gb` of its largest process, and its records."""

    seconds: float
    peak_gb: float
    records: Sequence[dict[str, Any]]

    @property
    def encodings(self) -> int:
        """How many times the images were encoded: a cell that found them encoded repeats how long that took."""
        return len({record["seconds"]["encode"] for record in self.records})

    @property
    def encoding_seconds(self) -> float:
        """Of the one encoding that all cells share."""
        return float(self.records[0]["seconds"]["encode"])

    @property
    def working_seconds(self) -> float:
        """Training, decoding and scoring of all cells."""
        return sum(record["seconds"][stage] for record in self.records for stage in ("train", "decode", "score"))

    @property
    def measuring_seconds(self) -> float:
        """The throughput suite of all cells, which is part of each run."""
        return sum(float(record["seconds"]["measure"]) for record in self.records)

    def overhead(self, *, measuring: bool) -> float:
        """All seconds beside encoding and work, as a share of the work; with the throughput suite's, or without."""
        rest = self.seconds - self.encoding_seconds - self.working_seconds
        return (rest if measuring else rest - self.measuring_seconds) / self.working_seconds


def run(command: str, config: dict[str, Any], folder: Path, *, patience: float = _PATIENCE) -> Ran:
    """``caption-zoo run`` on `config`, in `folder`, from an empty cache; `patience` is in seconds.

    Raises:
        RuntimeError: a cell failed, or the command did, or had no end.
    """
    file, out, cache = folder / "matrix.yaml", folder / "runs", folder / "cache"
    file.write_text(json.dumps(config), encoding="utf-8")
    words = [str(patience), command, "run", str(file), "--out", str(out), "--cache", str(cache)]
    done = subprocess.run([sys.executable, "-c", _WRAPPER, *words], capture_output=True, text=True, check=False)
    if done.returncode:  # of the wrapper, which waits for the command
        raise RuntimeError(f"caption-zoo run: {done.stderr.strip().splitlines()[-1]}")
    code, seconds, peak_gb = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"caption-zoo run ended with {code}: {done.stderr[-500:]}")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*/record.json"))]
    return Ran(seconds, peak_gb, records)


def config(
    scenes: tuple[int, int, int],
    *,
    backbone: str,
    attentions: Sequence[str],
    decoder: str,
    training: Mapping[str, int],
    seeds: int = 1,
) -> dict[str, Any]:
    """A matrix over drawn scenes, in JSON, which YAML includes."""
    train, validation, test = scenes
    return {
        "name": "speed",
        "dataset": f"scenes(train={train}, validation={validation}, test={test})",
        "matrix": {
            "backbone": [backbone],
            "attention": list(attentions),
            "decoder": [decoder],
            "seeds": list(range(seeds)),
        },
        "training": dict(training),
    }
