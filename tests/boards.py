"""Whole leaderboards of invented records, for tests in a browser and for measuring."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from records import FEW, PLACE, WORDS, failure, record, sampled

from benchmarks.leaderboard import write
from benchmarks.records.record import RunRecord

ATTENTIONS = ("mean", "bahdanau", "luong", "multihead(heads=8)", "gaussian(width=1.5)")
DECODERS = ("lstm(dim=256)", "gru(dim=256)", "transformer(layers=2)", "lstm(dim=512)", "transformer(layers=4)")
LACKING = 3  # the entry without speeds and sizes, whose cells are blank


def matrix(backbones: int, attentions: int, decoders: int, *, seeds: int = 1, images: int = 60) -> list[RunRecord]:
    """A record for every combination and seed, with captions and samples; scores, speeds and sizes differ."""
    runs = []
    for place in range(backbones * attentions * decoders):
        rest, decoder = divmod(place, decoders)
        backbone, attention = divmod(rest, attentions)
        parts = {"backbone": f"timm/resnet{18 + 8 * backbone}.a1_in1k", "decoder": DECODERS[decoder]}
        rate = 20.0 + 7 * (place * 37 % 101)
        known = {
            "throughput": {
                "beam_images_per_sec": rate,
                "greedy_images_per_sec": 2.5 * rate,
                "encode_images_per_sec": 900.0 / (1 + backbone),
                "train_captions_per_sec": 300.0 + 11 * (place * 13 % 29),
            },
            "params": 5_000_000 + 1_370_000 * backbone + 90_000 * attention,
            "trained": 3_900_000 + 90_000 * attention,
        }
        blank = {"throughput": {}, "params": 0, "trained": 0, "seconds": {}, "diagnostics": {}}
        level = 0.5 + 0.03 * backbone + 0.06 * (attention > 0) + 0.01 * decoder
        runs += [
            record(ATTENTIONS[attention], seed=seed, level=level + 0.004 * seed, images=images, parts=parts,
                   captions=captions(images, f"{place} {seed}"), samples=samples(),
                   **(blank if place == LACKING else known))
            for seed in range(seeds)
        ]  # fmt: skip
    return runs


def captions(images: int, name: str) -> dict[str, str]:
    """For each image a caption of some ten words; hardly two are alike."""
    draw = random.Random(name)
    return {str(image): " ".join(draw.choices(WORDS, k=draw.randint(8, 12))) for image in range(images)}


@cache
def samples() -> tuple[dict[str, Any], ...]:
    """What a record says of six drawn images."""
    return sampled(record(images=6))[0].samples


def page(records: Sequence[RunRecord], folder: Path) -> Path:
    """The page of `records`."""
    return write(records, folder)[0]


def varied() -> list[RunRecord]:
    """Twelve entries that differ in every part, with two seeds, one of them with blanks; one failed run."""
    return [*matrix(2, 3, 2, seeds=2), failure(attention="broken")]


def moved() -> list[RunRecord]:
    """Eight entries in two parts that differ, five of which were timed on a second machine as well."""
    runs = matrix(2, 4, 1)
    other = {**PLACE, "device": "Example GPU", "threads": 8}
    again = [
        replace(run, id=run.id[::-1], environment=other, throughput={name: 9 * rate for name, rate in run.throughput.items()})
        for run in runs[2:]
    ]  # fmt: skip
    return [*runs, *again]


def small() -> list[RunRecord]:
    """Two tables, one of them of COCO; a failed run."""
    other = [
        record(name, level=level, dataset="coco(split='karpathy')", synthetic=False)
        for name, level in (("mean", 0.8), ("luong", 0.9))
    ]
    return [*FEW, *other, failure(attention="broken")]


def many() -> list[RunRecord]:
    """Seventy entries: thirteen attentions and five decoders on three backbones, an ensemble and a model that learned from it."""
    attentions = [*ATTENTIONS, *(f"{name}(score='bahdanau')" for name in ("area", "hard", "local", "sparse", "aoa"))]
    attentions += ["xlinear", "cosine", "relu_concat"]
    parts = [(attention, DECODERS[0]) for attention in attentions]
    parts += [(attention, decoder) for attention in ATTENTIONS[1:3] for decoder in DECODERS[1:]]
    runs = []
    for place, backbone in enumerate(("timm/convnext_tiny.fb_in1k", "timm/resnet50.a1_in1k", "efficientnet_lite")):
        for number, (attention, decoder) in enumerate(parts):
            rate = 20.0 + (number * 37 + place * 11) % 101
            level = 0.9 - 0.1 * place + (0.05 + 0.003 * (number * 7 % 11) if number else 0.0)
            runs.append(
                record(attention, level=level, parts={"backbone": backbone, "decoder": decoder},
                       throughput={"beam_images_per_sec": rate, "encode_images_per_sec": 90.0 / (1 + place)})
            )  # fmt: skip
    kind = {"parts": {"backbone": "timm/convnext_tiny.fb_in1k"}}
    members = [record(seed=seed, level=0.95, **kind) for seed in (1, 2)]
    named = {str(run.seed): run.id for run in (runs[1], *members)}
    ensemble = record(level=1.0, request={"ensemble": named}, **kind)
    training = {**ensemble.request["training"], "objective": f"distillation(teacher={ensemble.id!r}, weight=0.9)"}
    return [*runs, *members, ensemble, record(level=0.98, request={"training": training}, **kind)]
