"""Drawn pictures in folders and shards, for tests: in several layouts, with what a test wants broken."""

import importlib
import io
import json
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = ("red", "green", "blue", "white")


def coco_folder(root: Path, *, train=12, val=6) -> Path:
    """Pictures of one coloured square; five captions each, which the models can learn."""
    karpathy = []
    for split, count, first in (("train2017", train, 1), ("val2017", val, 1001)):
        (root / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(first, first + count):
            colour, name = COLOURS[number % len(COLOURS)], f"{number:012}.jpg"
            picture = Image.new("RGB", (80, 60), "black")
            ImageDraw.Draw(picture).rectangle((20, 10, 60, 50), fill=colour)
            picture.save(root / split / name)
            captions = [
                f"A {colour} square {how}." for how in ("on black", "in the dark", "on a dark ground", "alone", "again")
            ]
            images.append({"id": number, "file_name": name})
            annotations += [
                {"id": len(annotations) + place, "image_id": number, "caption": caption}
                for place, caption in enumerate(captions)
            ]
            kind = "val" if split == "val2017" else "restval" if number % 3 == 0 else "train"
            karpathy.append(
                {
                    "cocoid": number,
                    "filepath": split,
                    "filename": name,
                    "split": kind,
                    "sentences": [{"raw": caption} for caption in captions],
                }
            )
        write(root / "annotations" / f"captions_{split}.json", {"images": images, "annotations": annotations})
    write(root / "dataset_coco.json", {"images": karpathy})
    return root


def write(file: Path, content) -> None:
    """A text as it is, or else JSON, with its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def change(file: Path, how) -> None:
    """Let `how` change the content of a JSON file."""
    content = json.loads(file.read_text())
    how(content)
    file.write_text(json.dumps(content))


def flip_last_bit(file: Path) -> None:
    """Change one bit of a file's last byte, which of weights is a number's."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def own_folder(root: Path, *, images=40, captions=2) -> Path:
    """Drawn pictures in two sub-folders, and `captions.csv` beside them: nothing that COCO's layout would know."""
    rows = ["file,caption"]
    for number in range(images):
        colour = COLOURS[number % len(COLOURS)]
        name = f"{'summer' if number % 2 else 'winter'}/{colour} {number}.png"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (80, 60), "black")
        ImageDraw.Draw(picture).rectangle((20, 10, 60, 50), fill=colour)
        picture.save(root / name)
        hows = ("on black", "in the dark", "alone")[:captions]
        rows += [f'{name},"A {colour} square, {how}."' for how in hows]
    (root / "captions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def tar(members) -> bytes:
    """A tar file of (name or TarInfo, content) in their order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return file.getvalue()


def drawn(colour: str) -> bytes:
    """A picture in PNG."""
    picture, file = Image.new("RGB", (80, 60), "black"), io.BytesIO()
    ImageDraw.Draw(picture).rectangle((20, 10, 60, 50), fill=colour)
    picture.save(file, "PNG")
    return file.getvalue()


def shard_folder(root: Path, *, train=(8, 8), val=4, test=4) -> Path:
    """`train-000.tar` and so on, `val-000.tar` and `test-000.tar`, of pictures with two captions each."""
    root.mkdir(parents=True, exist_ok=True)
    number = 0
    for split, counts in (("train", train), ("val", (val,)), ("test", (test,))):
        for shard, count in enumerate(counts):
            members = []
            for _ in range(count):
                colour = COLOURS[number % len(COLOURS)]
                captions = [f"A {colour} square {how}." for how in ("on black", "alone")]
                members += [
                    (f"{number:06}.png", drawn(colour)),
                    (f"{number:06}.json", json.dumps({"captions": captions}).encode()),
                ]
                number += 1
            (root / f"{split}-{shard:03}.tar").write_bytes(tar(members))
    return root


def parquet_folder(root: Path, *, train=12, validation=4, test=4) -> Path:
    """A parquet file for each split, as the Hugging Face Hub has them: images in bytes, IDs, and lists of captions."""
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    root.mkdir(parents=True, exist_ok=True)
    number = 0
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        rows = []
        for _ in range(count):
            colour = COLOURS[number % len(COLOURS)]
            captions = [f"A {colour} square {how}." for how in ("on black", "alone")]
            rows.append(
                {"image": {"bytes": drawn(colour), "path": f"{number}.png"}, "captions": captions, "cocoid": number}
            )
            number += 1
        parquet.write_table(arrow.Table.from_pylist(rows), root / f"{split}-00000-of-00001.parquet")
    return root


def picture(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(file)
