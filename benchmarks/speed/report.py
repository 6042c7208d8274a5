"""The files that a whole run of the suite leaves: docs/speed.json, docs/speed-environment.json and their page."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.speed.page import nothing_yet, pages
from zoo.atomic import write_atomically

NUMBERS, FACTS = "speed.json", "speed-environment.json"
_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def write(docs: Path, numbers: Mapping[str, float], facts: Mapping[str, Any]) -> None:
    """Put the numbers, the facts and the page made of them into `docs`, each file whole or not at all."""
    files = {NUMBERS: _json(_rounded(numbers)), FACTS: _json(facts), **pages(_rounded(numbers), facts)}
    for name, text in files.items():
        write_atomically(docs / name, text)


def made(docs: Path) -> dict[str, str]:
    """What the page and its drawings should be, by the numbers in `docs`."""
    if not (docs / NUMBERS).is_file():
        return nothing_yet()
    return pages(*(json.loads((docs / name).read_text(encoding="utf-8")) for name in (NUMBERS, FACTS)))


def facts(notes: list[str], problems: list[str], seconds: float) -> dict[str, Any]:
    """What a reader has to know of this run: where, when, and what went wrong."""
    from benchmarks.metrics.java import process
    from benchmarks.runtime.environment import environment  # late: it imports torch

    machine = {name: value for name, value in environment(java=process.version()).items() if name != "threads"}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "environment": {**machine, "transformers": _version("transformers")},
        "bfloat16": bfloat16_instructions(),
        "minutes": round(seconds / 60),
        "notes": notes,
        "problems": problems,
    }


def bfloat16_instructions(file: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 by itself, as Linux tells its flags."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}
    return bool(flags & _FLAGS)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {key: float(f"{value:.4g}") for key, value in sorted(numbers.items())}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
