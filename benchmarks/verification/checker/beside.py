"""Whether what lies beside a record is what the record says: files by their hashes, and what is in them."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.verification.checker.provenance import HOME
from benchmarks.verification.checker.reading import opened, parse, read, sha256

NAMES = ("captions.json", "request.json")
MODEL = ("config.json", "model.safetensors")  # which an ensemble has in the folders of its members
_NAME = re.compile(r"\w[\w.-]*")
_HEADER = 100_000_000  # bytes that safetensors allows its header
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # stored beside parameters
_REAL = ("F64", "F32", "F16", "BF16")
_SURPLUS = 1.05  # for buffers of other names
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}


def named(record: Mapping[str, Any]) -> Iterator[str]:
    """Whether the record of a finished run has a hash for each of its files."""
    ensemble = "ensemble" in record["request"]
    for name in NAMES if ensemble else (*NAMES, *MODEL):
        if name not in record["files"]:
            yield f"its files have no hash for {name}"
    if ensemble and (own := sorted(record["files"].keys() & set(MODEL))):
        yield f"it is of an ensemble, and its files have a {own[0]} of its own"
    for name, value in record["files"].items():
        if not re.fullmatch(r"[0-9a-f]{64}", value) or not _NAME.fullmatch(name):
            yield f"its files have {value[:20]!r} for {name[:40]!r}, which is no sha256 of a file beside it"


def beside(record: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What is missing, torn, altered or of another run in the folder of a run."""
    for name, expected in sorted(record["files"].items()):
        if not _NAME.fullmatch(name):
            continue
        try:
            found = sha256(folder / name)
        except (OSError, ValueError) as error:
            yield f"its {name} cannot be read: {getattr(error, 'strerror', error)}"
            continue
        if found != expected:
            yield f"its {name} is not the one whose hash it has: torn, altered or of another run"
    for name, part in (("request.json", _request), ("captions.json", _captions), ("model.safetensors", _weights)):
        if (folder / name).is_file():
            try:
                yield from part(record, folder)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                yield f"its {name} is none: {error}"


def _request(record: Mapping[str, Any], folder: Path) -> Iterator[str]:
    if read(folder / "request.json") != record["request"]:
        yield "its request.json is not its request"


def _captions(record: Mapping[str, Any], folder: Path) -> Iterator[str]:
    if {str(entry["image_id"]): entry["caption"] for entry in read(folder / "captions.json")} != record["captions"]:
        yield "its captions.json has other captions than it has"


def _weights(record: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Its parameters are all there, or all but those of a backbone that is loaded from elsewhere."""
    file = folder / "model.safetensors"
    with opened(file) as content:
        length = int.from_bytes(content.read(8), "little")
        header = parse(content.read(length)) if length <= _HEADER else {}
    header.pop("__metadata__", None)
    end = 8 + length + max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if not header or end != file.stat().st_size:
        yield f"its model.safetensors has {file.stat().st_size} bytes, its header says {end}"
        return
    for name, tensor in header.items():
        start, stop = tensor["data_offsets"]
        if stop - start != math.prod(tensor["shape"]) * _SIZES.get(tensor["dtype"], 1):
            yield f"the tensor {name[:60]} of its model.safetensors has another size than its shape"
    halves = [name for name, tensor in header.items() if tensor["dtype"] == "F16"]
    if bool(halves) != ("weights_dtype" in record["environment"]):
        yield f"its model.safetensors has {len(halves)} tensors in float16, its environment says otherwise"
    elif halves and (full := [name for name, tensor in header.items() if tensor["dtype"] in {*_REAL} - {"F16"}]):
        yield f"the tensor {full[0][:60]} of its model.safetensors is not in float16, as its environment says"
    yield from _parameters(record, header)


def _parameters(record: Mapping[str, Any], header: Mapping[str, Any]) -> Iterator[str]:
    """As many as the record says: of the whole model, or of what was trained where the backbone is not stored."""
    counts = {
        name: math.prod(tensor["shape"])
        for name, tensor in header.items()
        if name.rpartition(".")[2] not in _BUFFERS and tensor["dtype"] in _REAL
    }
    learned = sum(count for name, count in counts.items() if not name.startswith("backbone."))
    found = sum(counts.values())
    least = record["params"] if found > learned else record["trained"]
    ours = set(record["origins"].values()) == {HOME}  # a plug-in may freeze parameters outside of its backbone
    most = least if ours else record["params"]
    if not least <= found <= most * _SURPLUS + 1 or (most == least and learned > record["trained"] * _SURPLUS + 1):
        yield (
            f"its model.safetensors has {found} parameters, {learned} of them beside the backbone's, "
            f"it says {record['params']}, {record['trained']} of them trained"
        )
