"""What a card holds of a run beside its scores: speed, cost, caption statistics and provenance."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.leaderboard.tables.formatting import BLANK, clean, number, speed
from benchmarks.leaderboard.tables.hardware import leaves
from benchmarks.leaderboard.tables.rows import RANDOM
from benchmarks.records.packed import SCORED
from benchmarks.records.record import RunRecord

_STAGES = (
    ("encode_images_per_sec", "Encode", "images", "the backbone alone; a table has the median of its runs"),
    ("greedy_images_per_sec", "Greedy search", "images", "from features, the likeliest token at each step"),
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
    rounds = timing if isinstance(timing, Mapping) else {}
    count, least, most = (number(rounds.get(name)) for name in ("items", "min_seconds", "max_seconds"))
    spread = f"{speed(count / most)} to {speed(count / least)}" if count and least and most else BLANK
    return spread, f"{count:.0f} {items}" if count else BLANK


def costs(record: RunRecord) -> list[tuple[str, str]]:
    """Size, operations, time, precision and machine."""
    flops = [(stage, number(record.flops.get(key))) for stage, key in (("backbone", "encode"), ("beam search", "beam"))]
    listed = [
        ("Parameters", _millions(record.params)),
        ("Of those, trainable", _millions(record.trained)),
        ("FLOPs per image", ", ".join(f"{stage} {speed(value / 1e9)} G" for stage, value in flops if value)),
        ("Time", ", ".join(_durations(record))),
        ("Precision", ", ".join(_precisions(record))),
        ("Rewarded for", clean(record.reward)),
        ("Measured on", machine(record)),
    ]
    return [(name, value) for name, value in listed if value]


def _precisions(record: RunRecord) -> Iterable[str]:
    for stage, what in (("training", "training"), ("decoding", "captions and their rates")):
        settings = record.request.get(stage)
        if isinstance(settings, Mapping):
            yield f"{what} {clean(settings.get('precision', 'float32'))}"


def _millions(count: Any) -> str:
    return f"{speed(value / 1e6)} M" if (value := number(count)) else ""


def _durations(record: RunRecord) -> Iterable[str]:
    for stage in ("train", *sorted(set(record.seconds) - {"train"})):
        if seconds := number(record.seconds.get(stage)):
            yield f"{clean(stage)} {speed(seconds)} s"


def machine(record: RunRecord) -> str:
    """What speed depends on beside the model."""
    environment = record.environment
    threads = environment.get("threads")
    words = [clean(environment.get("device") or ""), clean(environment.get("processor") or "")]
    words += [] if threads is None else [f"{clean(threads)} {'thread' if threads == 1 else 'threads'}"]
    return ", ".join(word for word in words if word)


def caption_statistics(record: RunRecord) -> list[tuple[str, str]]:
    """Statistics of the captions of the test images; nothing where the record does not hold them."""
    counts: Counter[str] = Counter()
    for caption, times in Counter(record.captions.values()).items():
        counts[clean(caption)] += times
    captions = [(caption.split(), times) for caption, times in counts.items()]
    words = sum(len(caption) * times for caption, times in captions)
    if not words:
        return []
    frequent, times = min(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = [
        ("Mean length", f"{words / counts.total():.1f} words"),
        ("Distinct captions", f"{len(counts)} of {counts.total()}"),
        ("Distinct words", f"{len({word for caption, _ in captions for word in caption})}"),
        ("Distinct-1", _distinct(captions, 1)),
        ("Distinct-2", _distinct(captions, 2)),
    ]
    return listed + [("Most frequent", f"“{frequent}”, {times} times")] * (times > 1)


def _distinct(captions: Iterable[tuple[Sequence[str], int]], size: int) -> str:
    """Of all sequences of `size` words, the share that is different (Li et al. 2016); each caption with its count."""
    different: set[tuple[str, ...]] = set()
    count = 0
    for words, times in captions:
        different.update(zip(*(words[at:] for at in range(size)), strict=False))
        count += times * max(0, len(words) - size + 1)
    return f"{len(different) / count:.3f}" if count else BLANK


def provenance(record: RunRecord) -> list[tuple[str, str]]:
    """Names and hashes: what has to be the same for the numbers to be the same."""
    listed = [
        ("Run", record.id),
        ("Record, sha256", record.digest),
        ("Data set", record.dataset),
        ("Data fingerprint", record.data.get("fingerprint")),
        ("Scorer", record.signature),
        ("Backbone weights", record.weights),
        ("Commit", record.environment.get("commit")),
        ("Finished", record.finished),
        *((f"{name}, sha256", record.files[name]) for name in sorted(record.files)),
        *((f"Source of {name}, sha256", text) for name, text in leaves(record.request.get("sources", {}))),
    ]
    return [(clean(name), clean(value)) for name, value in listed if value]


def environment(record: RunRecord) -> list[tuple[str, str]]:
    """Versions and machine."""
    trained = {name: value for name, value in record.environment.items() if name not in ("commit", SCORED)}
    scored = [
        (f"{name}, where it was scored again", value) for name, value in leaves(record.environment.get(SCORED, {}))
    ]
    return [(clean(name), clean(value)) for name, value in [*leaves(trained), *scored]]


def limitations(record: RunRecord) -> list[str]:
    """What the model was trained on and what that means for its use, in sentences."""
    data = record.data
    kind = "synthetic scenes of coloured shapes" if record.synthetic else "photographs"
    images = number(data.get("train"))
    trained = f"{images:.0f} {kind}" if images else kind
    sentences = [f"It was trained on {trained}, and tested on other images of that kind."]
    if record.synthetic:
        sentences.append("It has seen no photographs, and its scores do not carry over to them.")
    else:
        sentences.append(
            "What is rare or absent in its training images it names wrongly or not at all, and it repeats the biases "
            "of those who wrote the captions: do not rely on it for what matters."
        )
    if words := number(data.get("vocabulary")):
        sentences.append(f"Its vocabulary has {words:.0f} entries; it can generate no other word.")
    if record.weights == RANDOM:
        sentences.append("Its backbone has random weights: it was never trained.")
    return sentences
