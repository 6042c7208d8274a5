"""All checks, of one record and of all below a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.verification.checker.beside import beside, named
from benchmarks.verification.checker.fields import unlike_request_schema, unlike_schema
from benchmarks.verification.checker.figures import figures
from benchmarks.verification.checker.provenance import provenance, weights
from benchmarks.verification.checker.reading import digest, read
from benchmarks.verification.checker.samples import samples
from benchmarks.verification.checker.scenes import scened, scenes

RECORD = "record.json"
_LONGEST = 1000  # characters of a line
_EMPTY = (
    "best_epoch", "captions", "curve", "data", "diagnostics", "files", "flops", "params", "per_image", "samples",
    "scores", "seconds", "signature", "throughput", "timing", "trained", "weights",
)  # fmt: skip


def check_all(root: Path) -> tuple[int, list[str]]:
    """How many records lie below `root`, and a line, with the file's name, for everything that does not hold."""
    files = sorted(file for file in root.rglob("*.json") if _is_record(file.relative_to(root)))
    problems: list[str] = []
    earlier: dict[str, Path] = {}
    for file in files:
        problems += [f"{file}: {problem}" for problem in check(file)]
        run = file.parent.name if file.name == RECORD else file.stem
        if earlier.setdefault(run, file) != file:
            problems.append(f"{file}: the same run as {earlier[run]}")
    return len(files), problems


def _is_record(file: Path) -> bool:
    run = len(file.stem) == 12 and set(file.stem) <= set("0123456789abcdef")
    return (file.name == RECORD or run) and not any(part.startswith(".") for part in file.parts)


def check(file: Path) -> Iterator[str]:
    """Everything that does not hold of the record in `file`, and of the run where it is one's `record.json`."""
    yield from _to_its_end(_problems(file))


def _problems(file: Path) -> Iterator[str]:
    try:
        record = read(file)
    except (OSError, ValueError) as error:
        yield f"it cannot be read: {error}"
        return
    if not isinstance(record, dict):
        yield "it is no object"
        return
    yield from check_values(record)
    if list(unlike_schema(record)):
        return
    name = file.resolve().parent.name if file.name == RECORD else file.stem
    if name != record["id"]:
        yield f"it should be called {record['id']}, as its run is"
    if file.name == RECORD and record["status"] == "done":
        yield from beside(record, file.parent)


def _to_its_end(problems: Iterator[str]) -> Iterator[str]:
    """These, cut where they are long, and one more where what somebody wrote breaks the check itself."""
    try:
        yield from (problem[:_LONGEST] for problem in problems)
    except Exception as error:  # of one file, which is to keep no other from being checked
        why = f"{type(error).__name__}: {error}"[:_LONGEST]
        yield f"it cannot be checked to its end, since it holds what no record holds: {why}"


def check_values(record: Mapping[str, Any]) -> Iterator[str]:
    """Everything that does not hold of a record, whatever lies beside it."""
    told = record.get("sha256")
    if told is not None and told != digest({name: value for name, value in record.items() if name != "sha256"}):
        yield "its sha256 is not that of its content: it was edited or damaged"
    if problems := [*unlike_schema(record)] or [*unlike_request_schema(record["request"])]:
        yield from problems
        return
    yield from _to_its_end(_contents(record))


def _contents(record: Mapping[str, Any]) -> Iterator[str]:
    yield from provenance(record)
    yield from _status(record)
    if record["status"] == "done":
        for part in (named, weights, figures, samples):
            yield from part(record)
        if scened(record) and record["captions"]:
            yield from scenes(record)


def _status(record: Mapping[str, Any]) -> Iterator[str]:
    """A run that failed says why and has no figures; one that is done has no error."""
    if record["status"] == "done" and record["error"] is not None:
        yield f"it is done, with the error {record['error'][:60]!r}"
    if record["status"] == "failed":
        if not record["error"]:
            yield "it failed, and does not say why"
        if full := [name for name in _EMPTY if record[name]]:
            yield f"it failed, but has {full[0]}"
