"""Everything of the project that writes to disk, each to be called for a version, and read back."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
import torch
from records import record
from safetensors.torch import load_file, save

from benchmarks import leaderboard
from benchmarks.cell import workdir
from benchmarks.data.scenes import Scenes
from benchmarks.features.cache import FeatureCache
from benchmarks.features.files import open_store
from benchmarks.metrics.java import paraphrases
from benchmarks.metrics.java.token_cache import cached_tokens
from benchmarks.records.request import identity
from benchmarks.training.checkpoints import Checkpoints
from zoo import checkpoint
from zoo.atomic import make_folder
from zoo.backbones import WeightsSource
from zoo.captioner import Captioner
from zoo.folder import WEIGHTS, read_config
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import SPECIAL, Vocabulary

CPU = torch.device("cpu")
SAID = {"1": "a dog"}


class Writer(NamedTuple):
    """One of them.

    write: writes version 0, 1, ... below a folder, and returns when that is done for good.
    read: the newest version that lies there whole, or -1. Fails where something is there in part.
    """

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]


def publish(root, version):
    """A finished cell, as `benchmarks.cell.run` makes it."""
    made, out = record(seed=version), root / "runs"
    made = replace(made, id=identity(made.request))
    partial = out / ".partial" / f"{made.id}-{uuid4().hex}"
    make_folder(partial)
    (partial / "captions.json").write_text(f"[{json.dumps(SAID)}]\n")
    (partial / "config.json").write_text("{}\n")
    (partial / "request.json").write_text(json.dumps(made.request) + "\n")
    (partial / WEIGHTS).write_bytes(save({"a": torch.zeros(100)}))
    made.save(partial)
    workdir.publish(made, partial, out)


def published(root):
    cells = [path for path in (root / "runs").glob("*") if path.is_dir() and not path.name.startswith(".")]
    for cell in cells:
        assert json.loads((cell / "captions.json").read_text()) == [SAID]
        assert workdir.finished(cell)
    return max([workdir.finished(cell).seed for cell in cells], default=-1)


def save_state(root, version):
    states = Checkpoints(root / "states")
    states.latest()
    states.save({"step": version, "weights": torch.full((5000,), float(version))})


def saved_state(root):
    for file in (root / "states").glob("[0-9]*.pt"):
        torch.load(file, weights_only=True)
    state = Checkpoints(root / "states").latest() or {"step": -1, "weights": torch.tensor(-1.0)}
    assert (state["weights"] == state["step"]).all()
    return state["step"]


@cache
def shown():
    torch.manual_seed(0)
    backbone = BACKBONES.build("patches(dim=8, trainable=False)").eval()
    return Scenes(train=3, validation=1, test=1), backbone.requires_grad_(False)


def encode(root, version):
    cache = FeatureCache(root / "cache", CPU)
    for number in range(version + 1):
        cache.store(*shown(), named=str(number), hflip=False)


def encoded(root):
    stores = [path for path in (root / "cache" / "images").glob("[!.]*") if path.is_dir()]
    for store in stores:
        assert len(open_store(store, store.name).on(CPU).rows) == 5
    return len(stores) - 1


def tokenize(root, version):
    cached_tokens([f"Caption {version}."] * 500, lambda captions: [text.lower() for text in captions], root / "cache")


def tokenized(root):
    files = list((root / "cache" / "references").glob("[!.]*"))
    for file in files:
        digest, _, content = file.read_text().partition("\n")
        assert content.endswith('"]')
        assert len(digest) == 64
    return len(files) - 1


def cut_table(root, version):
    with pytest.MonkeyPatch.context() as patch:
        full = root.parent / f"{root.name}-full.gz"
        full.write_bytes(gzip.compress(b"0.1\na dog\none hound\n" * 2000))
        patch.setattr(paraphrases, "full", lambda: full)
        for number in range(version + 1):
            paraphrases.cached_table(["a dog runs", str(number)], root / "cache")


def tables(root):
    found = list((root / "cache" / "paraphrases").glob("[!.]*"))
    assert all(map(paraphrases._is_whole, found))
    return len(found) - 1


@cache
def captioner(version):
    torch.manual_seed(version)
    parts = Parts.parse("patches(dim=8)", "mean", "lstm(dim=8)")
    return Captioner.build(parts, Vocabulary([*SPECIAL, f"version{version}"])).eval()


def save_model(root, version):
    if not (root / f"model{version}").exists():
        captioner(version).save_pretrained(root / f"model{version}")


def save_weights(root, version):
    checkpoint.save(captioner(version), root / f"model{version}", weights=WeightsSource("", published=False))


def saved_models(root):
    folders = sorted(root.glob("model*"))
    for folder in folders:
        read_config(folder)
        load_file(folder / WEIGHTS)
    return len(folders) - 1


def saved_weights(root):
    """The files one by one: the folder is one that is published later."""
    for folder in sorted(root.glob("model*")):
        if (folder / WEIGHTS).exists():
            load_file(folder / WEIGHTS)
        if (folder / "config.json").exists():
            read_config(folder)
    return len([*root.glob("model*/config.json")]) - 1


def write_page(root, version):
    leaderboard.write([record(seed=seed, images=3) for seed in range(version + 1)], root / "page")


def page(root):
    if not (root / "page").is_dir():
        return -1
    texts = [file.read_text(encoding="utf-8") for file in (root / "page").rglob("*") if file.is_file()]
    assert all(text.endswith("\n") for text in texts)
    return len([*(root / "page" / "runs").iterdir()]) - 1


def forget(root, version):
    """A new name, and nothing synced: what most programs do."""
    (root / "new").write_text(f"version {version}")
    (root / "new").rename(root / f"file{version}")


def forgotten(root):
    files = sorted(root.glob("file*"))
    for file in files:
        assert file.read_text().startswith("version ")
    return len(files) - 1


FORGETFUL = "forgetful"
WRITERS = {
    "record": Writer(publish, published),
    "checkpoint": Writer(save_state, saved_state),
    "features": Writer(encode, encoded),
    "tokens": Writer(tokenize, tokenized),
    "paraphrases": Writer(cut_table, tables),
    "model": Writer(save_model, saved_models),
    "weights": Writer(save_weights, saved_weights),
    "page": Writer(write_page, page),
}
ALL = WRITERS | {FORGETFUL: Writer(forget, forgotten)}
