"""The fields of a record: which there are, and what each may hold."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.verification.checker.reading import is_count, is_number

SCHEMA = 1
_SEED = re.compile(r"0|[1-9][0-9]{0,19}")  # as Python writes a whole number: another spelling would be another run
OUTCOMES = (
    "", "incompatible", "invalid", "error", "non_finite", "unreadable_image", "scorer_unavailable", "out_of_memory",
    "time_limit", "silent", "crashed", "killed", "process_lost", "member_failed",
)  # fmt: skip
PARTS = ("backbone", "attention", "decoder")
Test = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def is_id(value: Any) -> bool:
    """Whether it is the id of a run."""
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{12}", value))


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_LIKE: Mapping[type, tuple[Test, str]] = {
    str: (_text, "text"),
    bool: (_flag, "true or false"),
    int: (is_count, "a whole number"),
    float: (is_number, "a number"),
}


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _each(test: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def _list(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


FIELDS: Mapping[str, tuple[Test, str]] = {
    "best_epoch": (is_count, "a whole number"),
    "captions": (_each(_text), "an object of texts"),
    "curve": (_list(_each(is_number)), "a list of objects of numbers"),
    "data": (_object, "an object"),
    "dataset": (_text, "a text"),
    "diagnostics": (_each(is_number), "an object of numbers"),
    "environment": (_object, "an object"),
    "error": (lambda value: value is None or _text(value), "a text or null"),
    "experiment": (_text, "a text"),
    "files": (_each(_text), "an object of texts"),
    "finished": (_text, "a text"),
    "flops": (_each(is_number), "an object of numbers"),
    "id": (is_id, "twelve hexadecimal digits"),
    "origins": (_each(_text), "an object of texts"),
    "params": (is_count, "a whole number"),
    "parts": (_each(_text), "an object of texts"),
    "per_image": (_each(_each(is_number)), "an object of objects of numbers"),
    "request": (_object, "an object"),
    "samples": (_list(_object), "a list of objects"),
    "schema": (lambda value: type(value) is int and value == SCHEMA, f"{SCHEMA}"),
    "scores": (_each(is_number), "an object of numbers"),
    "seconds": (_each(is_number), "an object of numbers"),
    "seed": (is_count, "a whole number"),
    "sha256": (_text, "a text"),
    "signature": (_text, "a text"),
    "split": (_text, "a text"),
    "status": (lambda value: value in ("done", "failed"), "done or failed"),
    "synthetic": (_flag, "true or false"),
    "throughput": (_each(is_number), "an object of numbers"),
    "timing": (_each(_each(is_number)), "an object of objects of numbers"),
    "trained": (is_count, "a whole number"),
    "weights": (_text, "a text"),
}
OPTIONAL: Mapping[str, tuple[Test, str]] = {
    "reward": (_text, "a text"),
    "outcome": (lambda value: value in OUTCOMES, "one of the outcomes that there are"),
    "teacher": (
        lambda value: isinstance(value, dict) and len(value) <= 1 and all(map(is_id, value.values())),
        "an object with the id of one run, or empty",
    ),
}

TRAINING: Mapping[str, tuple[Test, str]] = {
    **dict.fromkeys(
        ("epochs", "batch_size", "captions_per_image", "min_count", "max_words"),
        (lambda value: is_count(value) and value > 0, "a whole number above 0"),
    ),
    **dict.fromkeys(("decay_epochs", "warmup_steps"), (is_count, "a whole number")),
    **dict.fromkeys(
        ("learning_rate", "backbone_learning_rate", "weight_decay", "max_grad_norm", "label_smoothing", "ema_decay"),
        (lambda value: is_number(value) and value >= 0, "a number, and not negative"),
    ),
    "hflip": (_flag, "true or false"),
    "precision": (_text, "a text"),
}
DECODING: Mapping[str, tuple[Test, str]] = {
    **dict.fromkeys(
        ("num_beams", "max_length"), (lambda value: is_count(value) and value > 0, "a whole number above 0")
    ),
    "length_penalty": (is_number, "a number"),
}
SINCE: Mapping[str, Mapping[str, Any]] = {  # settings that came later: a request leaves out what has this default
    "training": {
        "bucket_batches": 1, "cached_crops": 0, "color_jitter": 0.0, "compile": False, "crop_scale": 1.0,
        "layer_decay": 1.0, "max_skipped_steps": 10, "objective": "cross_entropy",
    },
    "decoding": {
        "diversity_penalty": 0.0, "no_repeat_ngram_size": 0, "num_beam_groups": 1, "precision": "float32", "seed": 0,
        "temperature": 0.0, "top_k": 0, "top_p": 1.0,
    },
}  # fmt: skip
REQUEST: Mapping[str, tuple[Test, str]] = {
    **dict.fromkeys(("dataset", "fingerprint", *PARTS), (_text, "a text")),
    "seed": (is_count, "a whole number"),
    "protocol": (is_count, "a whole number"),
    "metrics": (_list(_text), "a list of texts"),
    "sources": (_each(_text), "an object of texts"),
    "training": (_object, "an object"),
    "decoding": (_object, "an object"),
}


def unlike_schema(record: Mapping[str, Any]) -> Iterator[str]:
    """Fields that are missing or hold what they may not; one that is not known here is of a later version."""
    yield from _unlike(record, FIELDS, "its ")
    yield from _unlike(record, {name: OPTIONAL[name] for name in OPTIONAL.keys() & record.keys()}, "its ")


def unlike_request_schema(request: Mapping[str, Any]) -> Iterator[str]:
    """The same of its request, whose settings have defaults in no record."""
    if problems := list(_unlike(request, REQUEST, "its request's ")):
        yield from problems
        return
    for group, known in (("training", TRAINING), ("decoding", DECODING)):
        yield from _unlike(request[group], known, f"its request's {group}.")
        yield from _unlike_later(request[group], known, SINCE[group], f"its request's {group}.")
    if unknown := sorted(request.keys() - REQUEST.keys() - {"start_from", "ensemble"}):
        yield f"its request has a field {unknown[0][:40]!r}, which requests do not have"
    if "start_from" in request and not is_id(request["start_from"]):
        yield "its request's start_from should be twelve hexadecimal digits, or left out"
    if "ensemble" in request and not _is_ensemble(request["ensemble"]):
        yield "its request's ensemble should have the ids of two or more runs by their seeds, or be left out"


def _is_ensemble(members: Any) -> bool:
    """Whether they are the ids of several runs by their seeds."""
    several = isinstance(members, dict) and len(members) == len(set(map(str, members.values()))) > 1
    return several and all(_SEED.fullmatch(seed) and is_id(run) for seed, run in members.items())


def _unlike_later(
    values: Mapping[str, Any], known: Mapping[str, Any], since: Mapping[str, Any], whose: str
) -> Iterator[str]:
    for name in sorted(values.keys() - known.keys()):
        if name not in since:
            yield f"{whose}{name[:40]} is no setting that there is"
        elif values[name] == since[name]:
            yield f"{whose}{name} is {since[name]!r}, which requests leave out"
        elif (like := _LIKE.get(type(since[name]))) and not like[0](values[name]):
            yield f"{whose}{name} should be {like[1]}"


def _unlike(values: Mapping[str, Any], fields: Mapping[str, tuple[Test, str]], whose: str) -> Iterator[str]:
    for name, (test, what) in fields.items():
        if name not in values:
            yield f"{whose}{name} is missing"
        elif not test(values[name]):
            yield f"{whose}{name} should be {what}"
