"""Run records that nobody measured, for tests of what is made of records."""

import hashlib
import json
import random
from typing import Any

from benchmarks.record import RunRecord

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
    request = {"protocol": 1, "training": {"epochs": 8, "batch_size": 16}, "decoding": {"beams": 5}, "seed": seed}
    request |= parts | changes.pop("request", {})
    name = hashlib.sha256(json.dumps([request, level], sort_keys=True).encode()).hexdigest()[:12]
    hard, own = random.Random(1), random.Random(name)
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


FEW = [record(name, level=level) for name, level in (("mean", 0.4), ("bahdanau", 0.7), ("luong", 0.69))]
