"""What a card says of a run beside its scores: speed, cost, words, and where all of it came from."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from benchmarks.leaderboard.tables.formatting import BLANK, clean, number, speed
from benchmarks.leaderboard.tables.rows import RANDOM, leaves
from benchmarks.records.record import RunRecord

_STAGES = (
    ("encode_images_per_sec", "Encode", "images", "the backbone alone"),
    ("greedy_images_per_sec", "Greedy search", "images", "from features, the likeliest word each"),
    ("beam_images_per_sec", "Beam search", "images", "from features, over every step"),
    ("train_captions_per_sec", "Training", "captions", "one step"),
)


@dataclass(frozen=True)
class Rate:
    """One stage: what it does, its rate, and the slowest and quickest round, as text; `batch` items in a round."""

    stage: str
    meaning: str
    rate: str
    spread: str
    batch: str


def rates(record: RunRecord) -> list[Rate]:
    """Every rate that was measured."""
    return [
        Rate(stage, meaning, f"{speed(rate)} {items}/s", *_rounds(record.timing.get(key), items))
        for key, stage, items, meaning in _STAGES
        if (rate := number(record.throughput.get(key)))
    ]


def _rounds(timing: Any, items: str) -> tuple[str, str]:
    known = timing if isinstance(timing, Mapping) else {}
    count, least, most = (number(known.get(name)) for name in ("items", "min_seconds", "max_seconds"))
    spread = f"{speed(count / most)} to {speed(count / least)}" if count and least and most else BLANK
    return spread, f"{count:.0f} {items}" if count else BLANK


def costs(record: RunRecord) -> list[tuple[str, str]]:
    """Size, operations, time, precision and machine."""
    flops = [(stage, number(record.flops.get(key))) for stage, key in (("backbone", "encode"), ("beam search", "beam"))]
    asked = record.request.get("training")
    precision = asked.get("precision") if isinstance(asked, Mapping) else None
    found = [
        ("Parameters", _millions(record.params)),
        ("Of those, learning", _millions(record.trained)),
        ("FLOPs per image", ", ".join(f"{stage} {speed(value / 1e9)} G" for stage, value in flops if value)),
        ("Time taken", ", ".join(_durations(record))),
        ("Precision", f"training {clean(precision)}, captions and their rates float32" if precision else ""),
        ("Measured on", machine(record)),
    ]
    return [(name, said) for name, said in found if said]


def _millions(count: Any) -> str:
    return f"{speed(value / 1e6)} M" if (value := number(count)) else ""


def _durations(record: RunRecord) -> Iterable[str]:
    for stage in ("train", *sorted(set(record.seconds) - {"train"})):
        if seconds := number(record.seconds.get(stage)):
            yield f"{clean(stage)} {speed(seconds)} s"


def machine(record: RunRecord) -> str:
    """What speed depends on beside the model."""
    place = record.environment
    threads = place.get("threads")
    words = [clean(place.get("device") or ""), clean(place.get("processor") or "")]
    words += [] if threads is None else [f"{clean(threads)} {'thread' if threads == 1 else 'threads'}"]
    return ", ".join(word for word in words if word)


def spoken(record: RunRecord) -> list[tuple[str, str]]:
    """The captions of the judged images in numbers; nothing where the record does not hold them."""
    captions = [clean(caption).split() for caption in record.captions.values()]
    words = [word for caption in captions for word in caption]
    if not words:
        return []
    counts = Counter(map(" ".join, captions))
    most, times = min(counts.items(), key=lambda item: (-item[1], item[0]))
    found = [
        ("Mean length", f"{fmean(map(len, captions)):.1f} words"),
        ("Different captions", f"{len(counts)} of {len(captions)}"),
        ("Different words", f"{len(set(words))}"),
        ("Distinct-1", _distinct(captions, 1)),
        ("Distinct-2", _distinct(captions, 2)),
    ]
    return found + [("Most frequent", f"“{most}”, {times} times")] * (times > 1)


def _distinct(captions: Iterable[Sequence[str]], size: int) -> str:
    """Of all sequences of `size` words, the share that is different (Li et al. 2016)."""
    found = [tuple(words[at : at + size]) for words in captions for at in range(len(words) - size + 1)]
    return f"{len(set(found)) / len(found):.3f}" if found else BLANK


def provenance(record: RunRecord) -> list[tuple[str, str]]:
    """Names and hashes: what has to be the same for the numbers to be the same."""
    found = [
        ("Run", record.id),
        ("Record, sha256", digest(record)),
        ("Data set", record.dataset),
        ("Data fingerprint", record.data.get("fingerprint")),
        ("Scorer", record.signature),
        ("Backbone weights", record.weights),
        ("Commit", record.environment.get("commit")),
        ("Finished", record.finished),
        *((f"{name}, sha256", record.files[name]) for name in sorted(record.files)),
        *((f"Source of {name}, sha256", text) for name, text in leaves(record.request.get("sources", {}))),
    ]
    return [(clean(name), clean(said)) for name, said in found if said]


def environment(record: RunRecord) -> list[tuple[str, str]]:
    """Versions and machine."""
    return [(clean(name), clean(said)) for name, said in leaves(record.environment) if name != "commit"]


def digest(record: RunRecord) -> str:
    """The sha256 of the record as JSON with sorted keys, the same for every spelling of its file."""
    return hashlib.sha256(json.dumps(asdict(record), sort_keys=True).encode()).hexdigest()


def taught(record: RunRecord) -> list[str]:
    """What the model was trained on and what that means for its use, in sentences."""
    data = record.data
    kind = "drawn scenes of coloured shapes" if record.synthetic else "photographs"
    images = number(data.get("train"))
    found = [f"It was trained on {f'{images:.0f} ' if images else ''}{kind}, and judged on other images of that kind."]
    if record.synthetic:
        found.append("It knows no photographs, and its scores say nothing of them.")
    else:
        found.append("What is rare or absent there it names wrongly or not at all, and it repeats the habits of")
        found[-1] += " those who wrote the captions: do not rely on it for what matters."
    if words := number(data.get("vocabulary")):
        found.append(f"Its vocabulary has {words:.0f} entries; it can say no other word.")
    if record.weights == RANDOM:
        found.append("Its backbone has random weights: it never learnt to see.")
    return found
