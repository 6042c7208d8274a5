"""All checks, of one record and of all below a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.verification.checker.beside import beside, named
from benchmarks.verification.checker.endings import endings
from benchmarks.verification.checker.fields import unlike_request_schema, unlike_schema
from benchmarks.verification.checker.figures import figures
from benchmarks.verification.checker.members import sizes
from benchmarks.verification.checker.provenance import provenance, weights
from benchmarks.verification.checker.reading import digest, read
from benchmarks.verification.checker.samples import samples
from benchmarks.verification.checker.scenes import scened, scenes
from benchmarks.verification.checker.spelling import spelling

RECORD = "record.json"
_LONGEST = 1000  # characters of a line
_EMPTY = (
    "best_epoch", "captions", "curve", "data", "diagnostics", "files", "flops", "params", "per_image", "samples",
    "scores", "seconds", "signature", "throughput", "timing", "trained", "weights",
)  # fmt: skip


class Checker:
    """Checks records one after another, whether two of them are of one run, and ensembles beside their members.

    `checked` counts them, `scored` those whose captions are scored again.
    """

    def __init__(self) -> None:
        self.checked = self.scored = 0
        self._counted: dict[str, Mapping[str, Any]] = {}  # by run, with what counts parameters
        self._ensembles: list[Mapping[str, Any]] = []  # whose members have not all been checked
        self._earlier: dict[tuple[str, str], tuple[Path, tuple[Any, ...]]] = {}

    def problems(self, file: Path) -> Iterator[str]:
        """Everything that does not hold of the record in `file`, and of the run where it is one's `record.json`."""
        self.checked += 1
        yield from _guarded(self._problems(file))

    def _problems(self, file: Path) -> Iterator[str]:
        try:
            record = read(file)
        except (OSError, ValueError) as error:
            yield f"it cannot be read: {error}"
            return
        if not isinstance(record, dict):
            yield "it is no object"
            return
        yield from check_values(record)
        if list(_unlike_schema(record)):
            return
        self.scored += _is_scored(record)
        name = file.resolve().parent.name if file.name == RECORD else file.stem
        packed = "weights_dtype" in record["environment"]  # in a folder called as its model is
        if packed and file.name != RECORD:
            yield "it is of rounded weights, and lies without them: publish the record of its run"
        elif name != record["id"] and not packed:
            yield f"it should be called {record['id']}, as its run is"
        if file.name == RECORD and record["status"] == "done":
            yield from beside(record, file.parent)
        for what, value in _fingerprints(record):
            earlier, run = self._earlier.setdefault((what, value), (file, _run(record)))
            if earlier != file and (what == "run" or run != _run(record)):
                yield f"the same {what} as {earlier}"
                break
        if record["status"] == "done" and not packed:
            yield from self._sizes(record)

    def _sizes(self, record: Mapping[str, Any]) -> Iterator[str]:
        """What does not hold of the ensembles that this record completes: its own, or those of which it is a member."""
        self._counted[record["id"]] = {name: record[name] for name in ("params", "trained")}
        if members := record["request"].get("ensemble"):
            known = {name: record[name] for name in ("id", "params", "trained", "request")}
            self._ensembles.append({**known, "members": list(members.values())})
        waiting = []
        for each in self._ensembles:
            if self._counted.keys() >= set(each["members"]):
                yield from sizes(each, [self._counted[run] for run in each["members"]])
            else:
                waiting.append(each)
        self._ensembles = waiting


def check_all(root: Path) -> tuple[Checker, list[str]]:
    """Check all records below `root`: what checked them, and a line, with the file's name, for all that does not hold.

    Records of one folder are checked in the order of their names.
    """
    checker, files = Checker(), sorted(file for file in root.rglob("*.json") if _is_record(file.relative_to(root)))
    return checker, [f"{file}: {problem}" for file in files for problem in checker.problems(file)]


def _is_record(file: Path) -> bool:
    run = len(file.stem) == 12 and set(file.stem) <= set("0123456789abcdef")
    return (file.name == RECORD or run) and not any(part.startswith(".") for part in file.parts)


def _run(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Seed and parts, which decide the weights; settings may change nothing, as one of a backbone that is frozen."""
    return record["seed"], *(record["request"][kind].partition("(")[0] for kind in ("backbone", "attention", "decoder"))


def _fingerprints(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What no run with another seed or other parts has."""
    yield "packed model" if "weights_dtype" in record["environment"] else "run", record["id"]
    if record["status"] == "done":
        request = record["request"]  # a run may be decoded or scored in another way, and stopped earlier
        scored = [request["decoding"], sorted(map(str, request["metrics"])), request["training"]["epochs"]]
        losses = [(entry.get("loss"), entry.get("validation")) for entry in record["curve"]]
        weights = request.get("ensemble") or record["files"].get("model.safetensors")
        yield "weights and decoding", digest([weights, *scored])
        if losses:  # an ensemble has none, and captions alone may be another model's
            yield "captions and curve", digest([record["captions"], losses, *scored])


def _guarded(problems: Iterator[str]) -> Iterator[str]:
    """These, cut where they are long, and one more where what somebody wrote breaks the check itself."""
    try:
        yield from (problem[:_LONGEST] for problem in problems)
    except Exception as error:  # of one file, which is to keep no other from being checked
        why = f"{type(error).__name__}: {error}"[:_LONGEST]
        yield f"it cannot be checked to its end, since it holds what no record holds: {why}"


def check_values(record: Mapping[str, Any]) -> Iterator[str]:
    """Everything that does not hold of a record, whatever lies beside it."""
    content = {name: value for name, value in record.items() if name != "sha256"}
    if "sha256" in record and record["sha256"] != digest(content):
        yield "its sha256 is not that of its content: it was edited or damaged"
    if problems := list(_unlike_schema(record)):
        yield from problems
        return
    yield from _guarded(_contents(record))


def _unlike_schema(record: Mapping[str, Any]) -> Iterator[str]:
    yield from list(unlike_schema(record)) or unlike_request_schema(record["request"])


def _is_scored(record: Mapping[str, Any]) -> bool:
    return record["status"] == "done" and scened(record) and bool(record["captions"])


def _contents(record: Mapping[str, Any]) -> Iterator[str]:
    yield from spelling(record)
    yield from provenance(record)
    yield from _status(record)
    if record["status"] == "done":
        for part in (named, weights, figures, endings, samples):
            yield from part(record)
    if _is_scored(record):
        yield from scenes(record)


def _status(record: Mapping[str, Any]) -> Iterator[str]:
    """A run that failed says why and has no figures; one that is done has neither error nor outcome."""
    if record["status"] == "done" and record["error"] is not None:
        yield f"it is done, with the error {record['error'][:60]!r}"
    if record["status"] == "done" and record.get("outcome"):
        yield f"it is done, with the outcome {record['outcome']!r}"
    if record["status"] == "failed":
        if not record["error"]:
            yield "it failed, and does not say why"
        if full := [name for name in _EMPTY if record[name]]:
            yield f"it failed, but has {full[0]}"
