"""Whether the figures of a record fit each other: what follows from others is worked out again."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.verification.checker.members import evenly
from benchmarks.verification.checker.reading import is_count, is_number

_TOP = {"CIDEr": 10.0}  # of the other scores it is 1
_CLOSE = 1e-5  # scores per image have six digits
_DATA = {
    "name", "fingerprint", "train", "validation", "test", "skipped", "vocabulary", "unknown_words", "held_out_from",
}  # fmt: skip
_UNSIGNED = ("grad_norm", "learning_rate", "memory", "skipped", "words_per_second")  # of an epoch
_FASTER = 100  # times that a whole run may be faster than its rate was measured
_COLUMNS = {
    "bleu": ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"), "meteor": ("METEOR",), "rouge": ("ROUGE_L",), "cider": ("CIDEr",),
}  # fmt: skip
_STAGES = {"encode": "images", "greedy": "images", "beam": "images", "train": "captions"}


def rates(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of what was timed; an ensemble is not trained."""
    return tuple(f"{stage}_{items}_per_sec" for stage, items in _STAGES.items() if stage in _stages(record))


def _stages(record: Mapping[str, Any]) -> set[str]:
    return _STAGES.keys() - ({"train"} if "ensemble" in record["request"] else set())


def figures(record: Mapping[str, Any]) -> Iterator[str]:
    """All of this, of a run that was finished."""
    training = _untrained if "ensemble" in record["request"] else _training
    for part in (_scores, _coverage, _captions, _data, _sizes, evenly, _rates, training, _seconds):
        yield from part(record)


def _scores(record: Mapping[str, Any]) -> Iterator[str]:
    scores, metrics = record["scores"], [metric.partition("(")[0] for metric in record["request"]["metrics"]]
    expected = {column for metric in metrics for column in _COLUMNS.get(metric, ())}
    if set(metrics) <= _COLUMNS.keys() and scores.keys() != expected:
        yield f"its scores are {', '.join(sorted(scores)) or 'none'}, its metrics give {', '.join(sorted(expected))}"
    for name, value in scores.items():
        if not 0 <= value <= _TOP.get(name, 1.0):
            yield f"its {name} is {value!r}, which no captions give"
    bleu = [scores[name] for name in _COLUMNS["bleu"] if name in scores]
    if bleu != sorted(bleu, reverse=True):
        yield "its BLEU rises with the length of the n-grams, which no captions give"
    for name, share in record["diagnostics"].items():
        if not 0 <= share <= 1:
            yield f"its {name} is {share!r}, which is no share"


def _coverage(record: Mapping[str, Any]) -> Iterator[str]:
    """Captions, scores per image and the size of the test split are of the same images."""
    each, count = record["per_image"].get("CIDEr", {}), record["data"].get("test")
    if not each:
        yield "it has no CIDEr per image, so nothing can be compared with it"
    else:
        mean = math.fsum(each.values()) / len(each)
        if not math.isclose(mean, record["scores"].get("CIDEr", math.nan), abs_tol=_CLOSE):
            yield f"its CIDEr per image has the mean {mean:.6f}, not {record['scores'].get('CIDEr')}"
        if not 0 <= min(each.values()) <= max(each.values()) <= _TOP["CIDEr"]:
            yield "one of its CIDEr per image is none that a caption gives"
    if not record["captions"]:
        yield "it has no captions, so its scores cannot be checked"
    elif record["captions"].keys() != each.keys():
        yield "it has captions of other images than it has scores"
    if record["captions"] and count != len(record["captions"]):
        yield f"its data has {count!r} test images, its captions are of {len(record['captions'])}"
    images = re.search(r"\|images:(\d+)\|", record["signature"])
    if images is None or int(images[1]) != len(each):
        yield f"its signature is of {images[1] if images else 'no'} images, its scores of {len(each)}"
    package = re.match(r"pycocoevalcap:([^|]+)\|", record["signature"])
    if package is None or package[1] != record["environment"].get("pycocoevalcap"):
        yield "its signature names another pycocoevalcap than its environment"


def _captions(record: Mapping[str, Any]) -> Iterator[str]:
    """Captions of scenes, in COCO's results form, have the hash that the record says, or the one is not of the other.

    Beside those of other images stand their sources, in an order that records do not tell.
    """
    if record["data"].get("name") == "scenes":
        entries = [{"image_id": int(image), "caption": caption} for image, caption in record["captions"].items()]
        written = json.dumps(sorted(entries, key=lambda entry: entry["image_id"]), indent=0, ensure_ascii=False) + "\n"
        if record["files"].get("captions.json") != hashlib.sha256(written.encode()).hexdigest():
            yield "its files have another hash for captions.json than its captions give"


def _data(record: Mapping[str, Any]) -> Iterator[str]:
    if unknown := sorted(record["data"].keys() - _DATA):
        yield f"its data has {unknown[0][:40]!r}, which records do not say of data"
    data, options = record["data"], dict(re.findall(r"\b(\w+)=(\d+)\b", record["dataset"]))
    for name in ("train", "validation", "test"):
        if not is_count(data.get(name)) or not data[name]:
            yield f"its data has {data.get(name)!r} images for {name}"
        elif record["synthetic"] and name in options and int(options[name]) != data[name]:
            yield f"its data has {data[name]} images for {name}, its data set {options[name]}"
    if record["synthetic"] and record["dataset"].partition("(")[0] in ("coco", "folder", "hf", "webdataset"):
        yield "it says that its photographs are synthetic scenes"
    if not is_count(data.get("vocabulary")) or not 0 < data["vocabulary"] <= record["params"]:
        yield f"its vocabulary has {data.get('vocabulary')!r} words"
    if not is_number(data.get("unknown_words")) or not 0 <= data["unknown_words"] <= 1:
        yield f"its share of unknown words is {data.get('unknown_words')!r}"
    held_out = str(data.get("held_out_from", ""))
    name, holdout = record["dataset"].partition("(")[0], bool(re.search(r"\bholdout=(?!None\b)", record["dataset"]))
    if name == "coco" and (bool(held_out) != holdout or record["split"].endswith("-holdout") != holdout):
        yield f"its data set is {record['dataset']}, its test split {record['split']}, held out from {held_out!r}"


def _sizes(record: Mapping[str, Any]) -> Iterator[str]:
    for name in ("params", "trained"):
        if record[name] < 1:
            yield f"its {name} is {record[name]!r}"
    if record["trained"] > record["params"]:
        yield f"it trained {record['trained']} parameters, and has {record['params']}"
    if record["flops"].keys() != _stages(record) or min(record["flops"].values()) <= 0:
        yield "its flops are not those of its stages, each above 0"
    elif record["request"]["decoding"]["num_beams"] > 1 and record["flops"]["greedy"] > record["flops"]["beam"]:
        yield "its greedy search takes more operations than its beam search"


def _rates(record: Mapping[str, Any]) -> Iterator[str]:
    """Each rate is what was timed in a round, by the median round."""
    for name, value in record["throughput"].items():
        if value <= 0:
            yield f"its {name} is {value!r}"
    for name in rates(record):
        rate, timing = record["throughput"].get(name), record["timing"].get(name, {})
        kept = [timing.get(key, 0) for key in ("min_seconds", "median_seconds", "max_seconds")]
        if rate is None or kept != sorted(kept) or kept[0] <= 0 or timing.get("rounds", 0) < 1:
            yield f"its timing of {name} is missing, or no timing"
        elif not math.isclose(rate, timing.get("items", 0) / kept[1], rel_tol=1e-9):
            yield f"its {name} is {rate}, its timing gives {timing.get('items', 0) / kept[1]}"
    if (record["throughput"].keys() | record["timing"].keys()) - set(rates(record)):
        yield "it has rates or timings of other stages than there are"


def _training(record: Mapping[str, Any]) -> Iterator[str]:
    curve, training = record["curve"], record["request"]["training"]
    if len(curve) != training["epochs"] or any(entry.get("epoch") != at for at, entry in enumerate(curve, start=1)):
        yield f"its curve has not one entry for each of its request's {training['epochs']} epochs, in order"
        return
    if any("validation" not in entry or not 0 <= entry["validation"] <= _TOP["CIDEr"] for entry in curve):
        yield "its curve has an epoch without a CIDEr on the validation images, or one that no captions give"
        return
    best = max(curve, key=lambda entry: (entry["validation"], entry["epoch"]))["epoch"]
    if record["best_epoch"] != best:
        yield f"its best epoch is {record['best_epoch']}, by its curve it is {best}"
    named = training.get("objective", "cross_entropy").partition("(")[0]
    if any("loss" not in entry or (named == "cross_entropy" and entry["loss"] < 0) for entry in curve):
        yield "its curve has an epoch without a loss, or one that training does not give"
    if any(entry.get(name, 0) < 0 for entry in curve for name in _UNSIGNED):
        yield "its curve has a figure below 0, which training does not give"
    if any(entry.keys() != curve[0].keys() for entry in curve) and not any("skipped" in entry for entry in curve):
        yield "its curve does not say the same of every epoch"
    steps = math.ceil(record["data"]["train"] / training["batch_size"])
    for entry in curve:
        rate = _learning_rate(entry["epoch"] * steps - 1, steps, training)
        if not math.isclose(entry.get("learning_rate", rate), rate, rel_tol=1e-6, abs_tol=1e-15):
            yield f"its learning rate in epoch {entry['epoch']} is {entry['learning_rate']}, its request gives {rate}"
            return


def _untrained(record: Mapping[str, Any]) -> Iterator[str]:
    """An ensemble learns nothing: its members have."""
    if record["curve"] or record["best_epoch"] or record["seconds"].get("train"):
        yield "it is of an ensemble, which is not trained, and has a training curve or a time of training"


def _learning_rate(step: int, steps: int, training: Mapping[str, Any]) -> float:
    """A linear warm-up, then a linear decay."""
    warmup, total = training["warmup_steps"], training["decay_epochs"] * steps
    risen = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return float(training["learning_rate"] * risen * (max(0.0, 1 - step / total) if total else 1.0))


def _seconds(record: Mapping[str, Any]) -> Iterator[str]:
    seconds = record["seconds"]
    if seconds.keys() != {"encode", "train", "decode", "score", "measure"} or min(seconds.values()) < 0:
        yield "its seconds are not those of the five stages, none less than 0"
        return
    timings = [timing for name, timing in record["timing"].items() if not name.startswith("encode")]
    timed = sum(timing.get("rounds", 0) * timing.get("min_seconds", 0.0) for timing in timings)
    if seconds["measure"] < timed:
        yield f"its measurements took {seconds['measure']} seconds, their rounds alone at least {timed}"
    data, several = record["data"], record["environment"].get("processes", 1)
    images = {"train": data["train"] * record["request"]["training"]["epochs"], "decode": data["test"]}
    for stage, name in (("train", "train_captions_per_sec"), ("decode", "beam_images_per_sec")):
        rate = record["throughput"].get(name, 0)
        if rate > 0 and seconds[stage] < (least := images[stage] / rate / several / _FASTER):
            yield f"its {stage} took {seconds[stage]} seconds, by its {name} it took more than {least:.2g}"
