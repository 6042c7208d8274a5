"""Run records that nobody measured, for tests of what is made of records."""

import hashlib
import io
import json
import random
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.records.record import RunRecord

PLACE = {"device": "cpu", "processor": "Example CPU", "threads": 1, "torch": "2.10.0"}
SCENES = {"dataset": "scenes(images=600)", "split": "test", "synthetic": True}
COCO = {"dataset": "coco(split='karpathy')", "split": "test", "synthetic": False}


def record(
    attention: str = "bahdanau", *, seed: int = 0, level: float = 0.7, images: int = 60, **changes: Any
) -> RunRecord:
    """A finished run whose CIDEr is about `level`; `changes` replace any field.

    What makes an image hard is the same for all, as it is in life.
    """
    parts = {"backbone": "efficientnet_lite", "attention": attention, "decoder": "lstm(dim=256)"}
    parts |= changes.pop("parts", {})
    request = {
        "protocol": 1,
        "training": {"epochs": 8, "batch_size": 16},
        "decoding": {"num_beams": 5, "max_length": 20},
        "seed": seed,
    }
    request |= parts | changes.pop("request", {})
    own = random.Random(hashlib.sha256(json.dumps([request, level], sort_keys=True).encode()).hexdigest()[:12])
    request = {"fingerprint": str(level)} | request  # so that each level has an id of its own
    name = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
    hard = random.Random(1)
    each = {str(image): level * (hard.gammavariate(2, 0.35) + own.gammavariate(2, 0.15)) for image in range(images)}
    cider = sum(each.values()) / images
    shares = {"exact": cider / 2, "relation": cider / 3, "binding": cider / 1.5, "count": 0.6, "parse": 1.0}
    values: dict[str, Any] = {
        "id": name, "status": "done", "parts": parts, "seed": seed, "request": request, "environment": PLACE,
        "origins": dict.fromkeys(parts, "caption-zoo"), "weights": "efficientnet-lite0 0.1.0", **SCENES,
        "data": {"fingerprint": "f00dcafe", "images": {"train": 500, "validation": 40, "test": images}},
        "signature": "pycocoevalcap:1.2|tok:ptb|cider-d|idf:0123abcd",
        "scores": {f"Bleu_{n}": (0.9 - 0.15 * n) * cider for n in (1, 2, 3, 4)}
        | {"METEOR": 0.3 * cider + 0.05, "ROUGE_L": 0.4 * cider + 0.25, "CIDEr": cider},
        "diagnostics": shares, "per_image": {"CIDEr": each},
        "throughput": {"train_captions_per_sec": 900.0 - 10 * seed, "greedy_images_per_sec": 80.0, "beam_images_per_sec": 40.0,
                       "encode_images_per_sec": 120.0},
        "timing": {"beam_images_per_sec": {"items": 32}}, "flops": {"encode": 7.7e8, "beam": 8e7},
        "captions": {image: f"a {'cat' if own.random() < 0.5 else 'dog'}" for image in each},
        "params": 7_400_000, "trained": 3_900_000, "seconds": {"train": 61.5}, "finished": "2026-11-23T09:00:00Z",
    }  # fmt: skip
    return RunRecord(**(values | changes))


def failure(error: str = "RuntimeError: out of memory", **changes: Any) -> RunRecord:
    """A run that came to nothing."""
    empty: dict[str, Any] = {"scores": {}, "per_image": {}, "diagnostics": {}, "throughput": {}, "params": 0}
    return record(**(empty | {"status": "failed", "error": error} | changes))


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """With the digest that they give, as one who edits a record with care would have it."""
    content = {name: value for name, value in values.items() if name != "sha256"}
    return {**content, "sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


FEW = [record(name, level=level) for name, level in (("mean", 0.4), ("bahdanau", 0.7), ("luong", 0.69))]

WORDS = ("a", "small", "red", "square", "left", "of", "a", "big", "blue", "circle", "on", "grey")


def picture(kind: str = "PNG", *, size: tuple[int, int] = (96, 64), noise: float = 0.0, seed: int = 0) -> str:
    """A data URL of a gradient with a square on it, and noise where bytes are wanted."""
    width, height = size
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * (120 / (width + height)) + (40, 70, 90)
    ramp[height // 4 : height // 2, width // 4 : width // 2] = (200, 60, 40)
    grain = np.random.default_rng(seed).normal(0, 1, ramp.shape) * noise
    file = io.BytesIO()
    Image.fromarray(np.clip(ramp + grain, 0, 255).astype(np.uint8)).save(file, kind)
    return f"data:image/{kind.lower()};base64,{b64encode(file.getvalue()).decode()}"


def looked(words: tuple[str, ...] = WORDS, side: int = 7, *, sentinel: bool = False) -> dict[str, Any]:
    """The maps of a sample: a blob that wanders from word to word, top left to bottom right."""
    place, middle = np.arange(side), np.linspace(0, side - 1, len(words))
    near = np.exp(-((place[None] - middle[:, None]) ** 2) / 2)
    shares = np.rint(255 * near[:, :, None] * near[:, None, :]).astype(np.uint8)
    non_visual = {"non_visual": [round(index / len(words), 3) for index in range(len(words))]} if sentinel else {}
    return {"grid": [side, side], "peak": 0.2, "maps": b64encode(shares.tobytes()).decode(), **non_visual}


def sampled(
    run: RunRecord, *, shared: bool = True, side: int = 7, maps: bool = True, sentinel: bool = False, **shown: Any
) -> tuple[RunRecord, dict[str, Any]]:
    """`run` with six samples, captions, curve, timing and FLOPs, and the gallery of what it holds back."""
    told, gallery = [], {}
    for image, pick in enumerate(("best", "best", "median", "median", "worst", "worst")):
        sample = {"image": image, "pick": pick, "score": 2.0 - image / 4, "words": list(WORDS)}
        sample |= {"source": f"http://images.example.org/{image}.jpg"} if not shared else {}
        sample |= looked(side=side, sentinel=sentinel) if maps else {}
        held = {"picture": picture(seed=image), "references": [f"what person {image} said", "another one"]} | shown
        told.append(sample | held if shared else sample)
        gallery |= {} if shared else {str(image): held}
    captions = {image: " ".join(WORDS[: 4 + int(image) % 5]) for image in run.per_image["CIDEr"]}
    rounds = {"items": 32, "rounds": 5, "min_seconds": 0.7, "median_seconds": 0.8, "max_seconds": 1.0}
    return replace(
        run,
        samples=tuple(told),
        captions=captions,
        timing={"beam_images_per_sec": rounds},
        flops={"encode": 3.9e8, "beam": 1.2e8},
        files={"model.safetensors": "ab" * 32},
        curve=tuple({"epoch": at, "loss": 3.0 / at, "validation": 0.2 * at} for at in (1, 2, 3, 4)),
        best_epoch=4,
    ), gallery
