"""A place where what the documentation tells to do can be done in seconds: everything is there, and tiny.

Placeholders of the pages are real here: FOLDER and DIR are a folder in COCO's layout, FLICKR one
in Flickr8k's, photos.sqlite a database, `runs/ID` and any other capitals below `runs` are trained runs, ORG/NAME
one in the cache of the Hub, photo.jpg and other.png photographs. Configs keep their names and questions, and lose
their size.
"""

import json
import os
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest
import yaml
from folders import COLOURS, coco_folder, drawn, own_folder, parquet_folder, shard_folder
from PIL import Image

from benchmarks.cli.main import main
from benchmarks.records.record import RunRecord
from benchmarks.throughput.measure import Measurement
from registry import Spec
from zoo import models, vocabulary

ROOT = Path(__file__).parent.parent
SCENES = "scenes(train=10, validation=3, test=3)"
RATES = {f"{name}_per_sec": 32 / 1e-7 for name in ("encode_images", "greedy_images", "beam_images", "train_captions")}
_TIMING = {"items": 32, "rounds": 5, "median_seconds": 1e-7, "min_seconds": 1e-7, "max_seconds": 1e-7}
_RUN = re.compile(r"((?:[\w.-]+/)*runs/(?:[\w.-]+/)*([A-Z][A-Z0-9]*))(?:/|$)")
_RECORD = re.compile(r"((?:[\w.-]+/)*([A-Z][A-Z0-9]*)\.json)$")


def shipped(home: Path) -> Path:
    """Fill the empty folder `home` with what the wheel has beside its modules."""
    (home / "configs").mkdir(parents=True)
    for config in (ROOT / "configs").glob("*.yaml"):
        small = shrunk(yaml.safe_load(config.read_text(encoding="utf-8")))
        (home / "configs" / config.name).write_text(yaml.safe_dump(small), encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "examples", home / "examples")
    return home


def sandbox(root: Path) -> Path:
    """Fill the empty folder `root`, all but its runs. Of what only a clone has, it has the leaderboard's records and the texts of models."""
    (root / "docs" / "leaderboard").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "generate.py", root / "docs")
    shutil.copytree(ROOT / "docs" / "models", root / "docs" / "models")
    for name in ("FOLDER", "DIR"):
        coco_folder(root / name)
    flickr_folder(root / "FLICKR")
    database(root / "photos.sqlite")
    shutil.copytree(root / "FOLDER" / "annotations", root / "annotations")
    shutil.copy(root / "FOLDER" / "dataset_coco.json", root)
    said = [{"image_id": 1001 + number, "caption": "a red square on black"} for number in range(6)]
    (root / "captions.json").write_text(json.dumps(said), encoding="utf-8")
    own_folder(root / "photos")
    shard_folder(root / "shards")
    parquet_folder(root / "parquet")
    (root / "about.md").write_text("## Data\n\nScenes that nobody photographed.\n")
    (root / "last-time").touch()
    os.utime(root / "last-time", (0, 0))
    for name in (
        "photo.jpg",
        "other.png",
        "photos/one.jpg",
        "photos/two.jpg",
        "photographs/one.jpg",
        "photographs/a.png",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(root / name)
    return root


def shrunk(config: dict) -> dict:
    """The config with the same attentions on a tiny backbone and few drawn scenes, for one epoch."""
    matrix, training = config["matrix"], config.get("training", {})
    training |= {"epochs": 1, "decay_epochs": 2 if training.get("decay_epochs", 1) else 0}
    decoder = Spec.parse(matrix.get("decoder", ["lstm"])[0])
    trained = "trainable=" in str(matrix["backbone"])
    matrix |= {
        "backbone": ["patches(dim=8)" if trained else "patches(dim=8, trainable=False)"],
        "attention": matrix["attention"][:2],
        "decoder": [str(Spec(decoder.name, decoder.variant, {**decoder.options, "dim": 16}))],
        "seeds": [0],
    }
    return config | {"dataset": SCENES, "metrics": ["cider"], "training": training}


def flickr_folder(root: Path, *, train=8, dev=2, test=3) -> Path:
    """Plain pictures under the names of Flickr8k's files."""
    (root / "Flicker8k_Dataset").mkdir(parents=True)
    lines, number = [], 0
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        names = [f"{number + place:010}_{split}.jpg" for place in range(count)]
        number += count
        (root / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{name}\n" for name in names))
        for place, name in enumerate(names):
            shade = ("dark", "pale")[place % 2]
            Image.new("RGB", (50, 40), ("navy", "khaki")[place % 2]).save(root / "Flicker8k_Dataset" / name)
            lines += [f"{name}#{caption}\tA {shade} wall without a dog .\n" for caption in range(5)]
    (root / "Flickr8k.token.txt").write_text("".join(lines))
    return root


def database(file: Path, *, train=8, validation=2, test=3) -> Path:
    """Plain pictures with two captions each, as the example of a data set's plug-in has them."""
    splits = ["train"] * train + ["validation"] * validation + ["test"] * test
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE image (id INTEGER PRIMARY KEY, name TEXT, split TEXT, content BLOB)")
        connection.execute("CREATE TABLE caption (image_id INTEGER, caption TEXT)")
        for number, split in enumerate(splits):
            image = (number, f"{number}.png", split, drawn(COLOURS[number % len(COLOURS)]))
            connection.execute("INSERT INTO image VALUES (?, ?, ?, ?)", image)
            for how in ("on black", "alone"):
                caption = f"A {COLOURS[number % len(COLOURS)]} square {how}."
                connection.execute("INSERT INTO caption VALUES (?, ?)", (number, caption))
    return file


class CallsHere(nullcontext):
    """As `benchmarks.executors.fork_server.ForkServer`, without the start of another Python."""

    stopping = False

    def __init__(self):
        super().__init__(self)

    def close(self):
        """Nothing was started."""

    stop = close

    def call(self, function, *arguments, **options):
        return function(*arguments)


@contextmanager
def calls_here():
    """Commands plan and run cells in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.cli.run.ForkServer", CallsHere)
        patch.setattr("benchmarks.executors.run.ForkServer", CallsHere)
        patch.setattr("benchmarks.executors.fork_server.ForkServer", CallsHere)
        yield


def no_timing(folder, captioner, encoder, *, training=None, frozen=None, encoder_timings=None):
    """As `benchmarks.throughput.measure.measure`, without the measurement."""
    assert (folder / "model.safetensors").is_file()
    return Measurement(
        RATES, dict.fromkeys(RATES, _TIMING), {"encode": 1000, "greedy": 500, "beam": 2000, "train": 3000}
    )


def tokenize(captions):
    """As `benchmarks.metrics.java.ptb_tokenizer.tokenize`, nearly, without the start of a Java for each handful of captions."""
    return [" ".join(vocabulary.tokenize(caption)) for caption in captions]


def provide_first_runs(root: Path) -> list[Path]:
    """Train three tiny models: one that looks, known as runs/ID and runs/quickstart/ID too; one that does not, runs/OTHER; one on FOLDER.

    The records of the first two are those of docs/leaderboard.
    """
    _caption_zoo("run", "quickstart", "--out", "runs/quickstart", "--training.epochs", "2")
    coco = ("--dataset", "coco(root='FOLDER')", "--attention", "mean", "--out", str(root.parent / "coco"))
    _caption_zoo("run", "coco-sample", *coco)
    folders = [path.parent for path in (root / "runs" / "quickstart").glob("*/record.json")]
    trained = sorted(folders, key=lambda folder: RunRecord.load(folder).parts["attention"] == "mean")
    provide_runs(root, ["runs/ID", "runs/OTHER", "runs/quickstart/ID"], trained)
    shutil.copytree(trained[0], root / "runs" / "all" / "node1" / "ID")
    for folder in trained:
        shutil.copy(folder / "record.json", root / "docs" / "leaderboard" / f"{folder.name}.json")
    shutil.copytree(root / "docs" / "leaderboard", root / "records")
    return [*trained, *(path.parent for path in (root.parent / "coco").glob("*/record.json"))]


def hub_cache(cache: Path, run: Path) -> Path:
    """A cache of the Hugging Face Hub that has fetched a trained run as ORG/NAME, and knows its tag v1."""
    stored = cache / "models--ORG--NAME"
    (stored / "refs").mkdir(parents=True)
    for name in ("main", "v1"):
        (stored / "refs" / name).write_text("0" * 40)
    (stored / "snapshots" / ("0" * 40)).mkdir(parents=True)
    for name in ("config.json", "request.json", "model.safetensors"):
        shutil.copy(run / name, stored / "snapshots" / ("0" * 40))
    return cache


def pretrained(home: Path, run: Path) -> Path:
    """A folder with a pretrained model of each built-in name, all of them one trained run."""
    for name in models.builtin():
        shutil.copytree(run, home / name)
        (home / name / "README.md").write_text("---\nlicense: mit\n---\n\n# A card\n")
    return home


def provide_runs(root: Path, words: list[str], trained: list[Path]) -> None:
    """Put a trained run, or its record, wherever `words` speak of one: the first as ID, another by any other name."""
    if "RECORD" in words:
        shutil.copy(trained[2 if any("coco(" in word for word in words) else 0] / "record.json", root / "RECORD")
    for found in filter(None, map(_RECORD.fullmatch, words)):
        if not (root / found[1]).exists():
            shutil.copy(trained[found[2] != "ID"] / "record.json", root / found[1])
    for found in filter(None, map(_RUN.search, words)):
        if not (root / found[1]).exists():
            shutil.copytree(trained[found[2] != "ID"], root / found[1])


def _caption_zoo(*words: str) -> None:
    assert main(words) == 0, words
