"""Whether a record is of the request that its id stands for, and whether somebody else could make it again."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.verification.checker.fields import PARTS
from benchmarks.verification.checker.reading import digest, is_count

PROTOCOL = 2
HOME = "caption-zoo"
RANDOM, FROM_SCRATCH = "random", "trained from scratch"
_VERSIONS = ("python", HOME, "torch", "torchvision", "timm", "numpy", "pillow", "pycocoevalcap")
_TEXTS = ("device", "processor", "system", *_VERSIONS)
_PUBLISHED = {"efficientnet_lite": "ImageNet, efficientnet-lite", "timm": "timm ", "torchvision": "torchvision "}
_HOW = {"resumed", "micro_batch", "processes", "workers"}  # of a run, where it was not one process from end to end
_PRIVATE = re.compile(r"(?<![\w.-])(/(home|Users)/[^/\s\"']+|/root/|[A-Za-z]:\\+Users\\+[^\\\"]+)")
_DTYPES = ("float16",)  # what the weights beside a record were rounded to, where they were
_HARDWARE = {"java", "cores", "threads", "commit", "cuda", "cudnn"}
_HERE = {*_TEXTS, "encoder", *_HARDWARE}  # of where captions and scores were made
_ENCODERS = ("encoder", "encoder_timed")
_ENCODER = re.compile(r"(torch|onnxruntime) \d\S{0,99}")  # its runtime and version
_LONGEST = 100  # characters of a version
_VERSION = re.compile(r"\d+(\.\d+)*\S*")


def provenance(record: Mapping[str, Any]) -> Iterator[str]:
    """All of this."""
    yield from _unlike_request(record)
    yield from _ensemble(record["request"])
    yield from _origins(record)
    yield from _environment(record["environment"])
    yield from _scored(record["environment"])
    if record["request"].get("protocol") != PROTOCOL:
        yield f"it is of protocol {record['request'].get('protocol')!r}, this version has {PROTOCOL}"
    yield from _finished(record["finished"])
    public = {name: value for name, value in record.items() if name not in ("captions", "samples")}
    sources = [sample.get("source") for sample in record["samples"]]
    if found := _PRIVATE.search(json.dumps([public, sources])):
        yield f"it names a folder of somebody's own, {found[0]!r}, which a record that is passed on does not"


def _unlike_request(record: Mapping[str, Any]) -> Iterator[str]:
    request = record["request"]
    if digest(request)[:12] != record["id"]:
        yield "its id is not the hash of its request: it was edited"
    for name in PARTS:
        if not record["parts"].get(name):
            yield f"it does not say which {name} it has"
    for name, value in {**record["parts"], "seed": record["seed"], "dataset": record["dataset"]}.items():
        if request.get(name) != value:
            yield f"its {name} is {value!r}, its request says {request.get(name)!r}"
    if record["status"] == "done":
        if record["data"].get("fingerprint") != request.get("fingerprint"):
            yield "the fingerprint of its data is not that of its request"
        written = json.dumps(request, indent=1, sort_keys=True) + "\n"
        if record["files"].get("request.json") != hashlib.sha256(written.encode()).hexdigest():
            yield "its files have another hash for request.json than its request has"


def _ensemble(request: Mapping[str, Any]) -> Iterator[str]:
    """Whether the members of an ensemble have its request, each with a seed of its own.

    Where they started from other runs, from which ones only their own records tell, but for the first one's.
    """
    own = {name: value for name, value in request.items() if name != "ensemble"}
    for seed, run in request.get("ensemble", {}).items():
        known = "start_from" not in own or int(seed) == own["seed"]
        if known and digest({**own, "seed": int(seed)})[:12] != run:
            yield f"its member {run} is no run of its request with seed {seed}"
    if "ensemble" in request and request["seed"] != min(map(int, request["ensemble"])):
        yield f"its seed is {request['seed']}, and not the lowest of its members"


def _origins(record: Mapping[str, Any]) -> Iterator[str]:
    """A part from elsewhere has the hash of its file among the sources, one that is ours has none."""
    origins, sources = record["origins"], record["request"].get("sources", {})
    if sorted(origins) != sorted(PARTS):
        yield "its origins are not those of its three parts"
    for part, origin in origins.items():
        files = [label for label in sources if label.split()[:1] == [part] and label != "backbone weights"]
        if (origin == HOME) == bool(files):
            request = f"has the file of {files[0]}" if files else f"has no file of a {part}"
            yield f"its {part} is from {origin!r}, but its request {request}"
    for label, value in sources.items():
        if not re.fullmatch(r"[0-9a-f]{16,64}", value):
            yield f"the hash of its source {label!r} is none"


def weights(record: Mapping[str, Any]) -> Iterator[str]:
    """Whether where the backbone's weights came from goes with the backbone and with what was trained."""
    source, backbone = record["weights"], record["parts"].get("backbone", "")
    family = backbone.partition("(")[0].partition("/")[0]
    known = (*_PUBLISHED.values(), RANDOM) if family == "concat" else _PUBLISHED.get(family)
    expected = known if record["origins"].get("backbone") == HOME else None
    if not source:
        yield "it does not say where the weights of its backbone came from"
    elif "backbone weights" in record["request"]["sources"]:
        if not re.search(r", sha256 [0-9a-f]+$", source):
            yield f"its weights are from {source!r}, its request says a file"
    elif (
        expected
        and "pretrained=False" not in backbone
        and not all(each.startswith(expected) for each in source.split(" + "))
    ):
        yield f"its weights are from {source!r}, which is no source of the backbone {backbone}"
    elif source == RANDOM and record["trained"] == record["params"]:
        yield "its weights are random, and all parameters were trained"
    elif source == FROM_SCRATCH and "trainable=False" in backbone:
        yield "its backbone was trained from scratch, and is one that is not trained"


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    commit = environment.get("commit")
    if not commit:
        yield "it does not say with which commit it was made"
    elif str(commit).endswith("+"):
        yield "it was made with changed files (commit with +), so nobody can make it again"
    elif not re.fullmatch(r"[0-9a-f]{12,40}", str(commit)):
        yield f"its commit is {commit!r}, which is none"
    for name in _TEXTS:
        if not environment.get(name) or not isinstance(environment[name], str):
            yield f"its environment does not say which {name} there was"
    for name in _VERSIONS:
        version = str(environment.get(name, "0"))  # one that is missing is named above
        if len(version) > _LONGEST or not _VERSION.fullmatch(version):
            yield f"its environment has {version[:_LONGEST]!r} for {name}, which is no version"
    yield from _machine(environment)


def _scored(environment: Mapping[str, Any]) -> Iterator[str]:
    """Of a packed model alone: what differs where it was scored again makes an environment too."""
    if "scored" not in environment:
        return
    scored = environment["scored"]
    if not isinstance(scored, dict) or not scored or "weights_dtype" not in environment:
        yield f"its environment has {str(scored)[:40]!r} for scored, which is of packed models"
        return
    if unlike := sorted(scored.keys() - _HERE) or sorted(key for key in scored if scored[key] == environment.get(key)):
        yield f"its environment has {unlike[0][:40]!r} for scored, which does not differ there"
    other = {"cuda", "cudnn"} if scored.get("device") == "cpu" else set()
    trained = {key: value for key, value in environment.items() if key not in {*other, "scored"}}
    known = {*_environment(environment)}
    yield from (f"where it was scored again, {why}" for why in _environment({**trained, **scored}) if why not in known)


def _machine(environment: Mapping[str, Any]) -> Iterator[str]:
    """Counts that fit each other, a GPU with its libraries, and nothing that tells whose machine it was."""
    cores, threads = environment.get("cores"), environment.get("threads")
    counts = {
        "cores": cores,
        "threads": threads,
        **{name: environment[name] for name in sorted(environment.keys() & _HOW)},
    }
    for name, value in counts.items():
        if not is_count(value) or not value:
            yield f"its environment has {value!r} for {name}"
    for name in _ENCODERS:
        if not _ENCODER.fullmatch(encoder := str(environment.get(name, "torch 2"))):
            yield f"its environment has {encoder[:40]!r} for {name}, which is no runtime with its version"
    if is_count(cores) and is_count(threads) and threads > cores:
        yield f"it had {threads} threads on {cores} cores"
    if (environment.get("device") == "cpu") == ("cuda" in environment):
        yield f"its device is {environment.get('device')!r}, with{'' if 'cuda' in environment else 'out'} CUDA"
    elif "cuda" in environment and not environment["cuda"] and "rocm" not in str(environment.get("torch")):
        yield f"its device is {environment.get('device')!r}, without a version of CUDA"
    if "weights_dtype" in environment and environment["weights_dtype"] not in _DTYPES:
        yield f"its environment has {str(environment['weights_dtype'])[:40]!r} for weights_dtype, which is no precision"
    if unknown := sorted(environment.keys() - {*_HERE, *_HOW, *_ENCODERS, "weights_dtype", "scored"}):
        yield f"its environment has {unknown[0][:40]!r}, which records do not tell"
    for name, kinds in {"java": str | None, "cuda": str | None, "cudnn": int | None}.items():
        if not isinstance(environment.get(name), kinds):
            yield f"its environment has {str(environment[name])[:40]!r} for {name}"


def _finished(finished: str) -> Iterator[str]:
    try:
        when = datetime.fromisoformat(finished)
        late = when.utcoffset() != timedelta(0) or when > datetime.now(UTC) + timedelta(days=1) or when.year < 2020
    except (ValueError, TypeError):
        late = True
    if late:
        yield f"it was finished at {finished!r}, which is no time in UTC at which it can have been"
